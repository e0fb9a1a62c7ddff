"""`/v1/responses`, for text: the same request in other words, and the same answer in other words."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response, StreamingResponse

from orchestrator.gateway import answers
from orchestrator.gateway.answers import Json, dumped
from orchestrator.gateway.chat import SSE, finished
from orchestrator.gateway.direct_route import DirectRoute
from orchestrator.gateway.errors import ApiError, bad_request
from orchestrator.gateway.exchange import HUNG_UP, Exchange
from orchestrator.gateway.openai_schema import ChatRequest, Name, Ours, body_of, schema_of
from orchestrator.gateway.service import Service
from orchestrator.gateway.streaming import Stream
from orchestrator.gateway.wire import Completion

router = APIRouter(tags=["OpenAI"], route_class=DirectRoute)
# field here -> field of a chat completion
SAME = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_output_tokens": "max_completion_tokens",
    "metadata": "metadata",
    "user": "user",
    "safety_identifier": "safety_identifier",
    "service_tier": "service_tier",
}
NOT_HERE = ("tools", "previous_response_id", "conversation", "background", "prompt")
TEXT_PARTS = ("input_text", "output_text", "text")


class ResponsesRequest(BaseModel):
    """A request for a response."""

    model_config = ConfigDict(extra="allow", strict=True)

    model: Name
    input: str | list[dict[str, Any]]
    instructions: str | None = None
    stream: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    text: dict[str, Any] | None = None
    reasoning: dict[str, Any] | None = None
    pointsman: Ours | None = None

    def as_chat(self) -> ChatRequest:
        """Return the same request for a chat completion.

        Raises:
            ApiError: if it asks for what is served nowhere here.
        """
        given = self.model_dump(exclude_unset=True)
        for field in NOT_HERE:
            if given.get(field):
                raise bad_request(
                    f"{field} is not served here; use /v1/chat/completions", field, "unsupported"
                )
        first = [] if self.instructions is None else [{"role": "system", "content": self.instructions}]
        asked = (
            [{"role": "user", "content": self.input}]
            if isinstance(self.input, str)
            else _messages(self.input)
        )
        chat: dict[str, Any] = {
            "model": self.model,
            "messages": [*first, *asked],
            "stream": self.stream,
            "pointsman": self.pointsman,
        }
        chat |= {name: given[field] for field, name in SAME.items() if given.get(field) is not None}
        if (form := (self.text or {}).get("format")) and form.get("type") != "text":
            chat["response_format"] = _format(form)
        if effort := (self.reasoning or {}).get("effort"):
            chat["reasoning_effort"] = effort
        return ChatRequest.model_validate(chat)


def _messages(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return items of the input as messages.

    Raises:
        ApiError: if one is no text.
    """
    found = []
    for i, item in enumerate(items):
        if item.get("type", "message") != "message":
            raise bad_request(
                f"input.{i} is a {item.get('type')!r}; only messages are served here", f"input.{i}"
            )
        content = item.get("content")
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        texts = [
            part.get("text") for part in parts if isinstance(part, dict) and part.get("type") in TEXT_PARTS
        ]
        if len(texts) < len(parts) or not all(isinstance(text, str) for text in texts):
            raise bad_request(f"input.{i}.content holds something that is no text", f"input.{i}.content")
        found.append({"role": item.get("role"), "content": "".join(str(text) for text in texts)})
    return found


def _format(form: Mapping[str, Any]) -> dict[str, Any]:
    if form.get("type") != "json_schema":
        return dict(form)
    return {
        "type": "json_schema",
        "json_schema": {key: value for key, value in form.items() if key != "type"},
    }


@router.post("/v1/responses", openapi_extra=schema_of(ResponsesRequest))
async def responses(request: Request) -> Response:
    """Answer by the model that the router chooses, or by the one that is named, in the form of the Responses API."""
    service: Service = request.app.state.service
    caller = await service.gate.admit(request.headers)
    given = await body_of(request, ResponsesRequest)
    exchange = Exchange.begin(request, caller, given.as_chat())
    if given.stream:
        stream = Stream(exchange)
        await stream.begin()
        headers = {**SSE, "x-request-id": exchange.trace_id}
        return StreamingResponse(_events(stream, given), media_type="text/event-stream", headers=headers)
    try:
        completion, about = await finished(request, exchange)
    except ConnectionResetError:
        return Response(status_code=HUNG_UP)
    whole = _response(given, exchange.trace_id, completion)
    return Json({**whole, "pointsman": about}, headers=answers.headers_of(about))


def _response(given: ResponsesRequest, trace_id: str, completion: Completion | None = None) -> dict[str, Any]:
    """Return the response: in progress without a completion."""
    head: dict[str, Any] = {
        "id": f"resp_{trace_id}",
        "object": "response",
        "created_at": int(time.time()),
        "model": given.model if completion is None else completion["model"],
        "error": None,
        "incomplete_details": None,
        "instructions": given.instructions,
        "metadata": (given.model_extra or {}).get("metadata") or {},
        "parallel_tool_calls": False,
        "temperature": given.temperature,
        "tool_choice": "auto",
        "tools": [],
        "top_p": given.top_p,
        "max_output_tokens": given.max_output_tokens,
        "previous_response_id": None,
    }
    if completion is None:
        return {**head, "status": "in_progress", "output": [], "usage": None}
    choice = completion["choices"][0]
    is_cut = choice.get("finish_reason") == "length"
    if is_cut:
        head["incomplete_details"] = {"reason": "max_output_tokens"}
    status = "incomplete" if is_cut else "completed"
    text, refusal = choice["message"].get("content"), choice["message"].get("refusal")
    part = {"type": "refusal", "refusal": refusal} if refusal and not text else _part(text or "")
    return {
        **head,
        "status": status,
        "output": [_item(trace_id, status, [part])],
        "usage": _usage(completion),
    }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _item(trace_id: str, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"msg_{trace_id}",
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": content,
    }


def _usage(completion: Completion) -> dict[str, Any] | None:
    usage = completion.get("usage")
    if not isinstance(usage, dict):
        return None
    details = [usage.get(f"{kind}_tokens_details") or {} for kind in ("prompt", "completion")]
    return {
        "input_tokens": usage.get("prompt_tokens", 0),
        "input_tokens_details": {"cached_tokens": details[0].get("cached_tokens") or 0},
        "output_tokens": usage.get("completion_tokens", 0),
        "output_tokens_details": {"reasoning_tokens": details[1].get("reasoning_tokens") or 0},
        "total_tokens": usage.get("total_tokens", 0),
    }


async def _events(stream: Stream, given: ResponsesRequest) -> AsyncIterator[bytes]:
    """Yield the events of a response: begun, its text as it is written, complete."""
    trace_id, number = stream.exchange.trace_id, 0
    place = {"item_id": f"msg_{trace_id}", "output_index": 0, "content_index": 0}

    def event(kind: str, **content: Any) -> bytes:
        nonlocal number
        number += 1
        content = {"type": kind, "sequence_number": number - 1, **content}
        return b"event: " + kind.encode() + b"\ndata: " + dumped(content) + b"\n\n"

    begun = _response(given, trace_id)
    yield event("response.created", response=begun)
    yield event("response.in_progress", response=begun)
    yield event("response.output_item.added", output_index=0, item=_item(trace_id, "in_progress", []))
    yield event("response.content_part.added", **place, part=_part(""))
    try:
        async for text in stream.texts():
            yield event("response.output_text.delta", **place, delta=text, logprobs=[])
    except ApiError as error:
        failed = {
            **begun,
            "status": "failed",
            "error": {"code": error.code or "error", "message": error.message},
        }
        yield event("response.failed", response=failed)
        return
    whole = _response(given, trace_id, stream.completion)
    (item,) = whole["output"]
    text = item["content"][0].get("text", "")
    yield event("response.output_text.done", **place, text=text, logprobs=[])
    yield event("response.content_part.done", **place, part=item["content"][0])
    yield event("response.output_item.done", output_index=0, item=item)
    kind = "response.completed" if whole["status"] == "completed" else "response.incomplete"
    yield event(kind, response={**whole, "pointsman": stream.about})
