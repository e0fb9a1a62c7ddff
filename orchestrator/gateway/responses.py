"""The Responses API: texts and calls of functions, over the same exchange as chat completions; nothing is stored."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from orchestrator.gateway import answers
from orchestrator.gateway.answers import Json, dumped
from orchestrator.gateway.chat import SSE, finished
from orchestrator.gateway.direct_route import DirectRoute
from orchestrator.gateway.errors import ApiError
from orchestrator.gateway.exchange import HUNG_UP, Exchange
from orchestrator.gateway.openai_schema import body_of, schema_of
from orchestrator.gateway.responses_asked import ResponsesRequest
from orchestrator.gateway.service import Service
from orchestrator.gateway.streaming import Stream
from orchestrator.gateway.wire import Completion

router = APIRouter(tags=["OpenAI"], route_class=DirectRoute)
Item = dict[str, Any]


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
        return StreamingResponse(
            Events(stream, given).lines(), media_type="text/event-stream", headers=headers
        )
    try:
        completion, about = await finished(request, exchange)
    except ConnectionResetError:
        return Response(status_code=HUNG_UP)
    whole = _response(given, exchange.trace_id, completion)
    return Json({**whole, "pointsman": about}, headers=answers.headers_of(about))


def _response(given: ResponsesRequest, trace_id: str, completion: Completion | None = None) -> dict[str, Any]:
    """Return the response: in progress without a completion."""
    extra = given.model_extra or {}
    head: dict[str, Any] = {
        "id": f"resp_{trace_id}",
        "object": "response",
        "created_at": int(time.time()),
        "model": given.model if completion is None else completion["model"],
        "error": None,
        "incomplete_details": None,
        "instructions": given.instructions,
        "metadata": extra.get("metadata") or {},
        "parallel_tool_calls": bool(extra.get("parallel_tool_calls", True)),
        "temperature": given.temperature,
        "tool_choice": given.tool_choice or "auto",
        "tools": given.tools or [],
        "top_p": given.top_p,
        "max_output_tokens": given.max_output_tokens,
        "previous_response_id": None,
    }
    if completion is None:
        return {**head, "status": "in_progress", "output": [], "usage": None}
    is_cut = completion["choices"][0].get("finish_reason") == "length"
    if is_cut:
        head["incomplete_details"] = {"reason": "max_output_tokens"}
    status = "incomplete" if is_cut else "completed"
    output = _output(trace_id, status, completion["choices"][0]["message"])
    return {**head, "status": status, "output": output, "usage": _usage(completion)}


def _output(trace_id: str, status: str, message: Mapping[str, Any]) -> list[Item]:
    """Return what a message says, and the functions that it calls."""
    text, refusal = message.get("content"), message.get("refusal")
    calls = [_call(f"fc_{trace_id}_{i}", call) for i, call in enumerate(message.get("tool_calls") or ())]
    if calls and not text and not refusal:
        return calls
    part = {"type": "refusal", "refusal": refusal} if refusal and not text else _part(text or "")
    return [_item(trace_id, status, [part]), *calls]


def _call(item_id: str, call: Mapping[str, Any]) -> Item:
    function = call.get("function") or {}
    return {
        "id": item_id,
        "type": "function_call",
        "status": "completed",
        "call_id": call.get("id") or item_id,
        "name": function.get("name") or "",
        "arguments": function.get("arguments") or "",
    }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _item(trace_id: str, status: str, content: list[dict[str, Any]]) -> Item:
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


class Events:
    """The events of a response: begun, its text as it is written, the functions that it calls, complete."""

    def __init__(self, stream: Stream, given: ResponsesRequest) -> None:
        self._stream, self._given, self._trace_id = stream, given, stream.exchange.trace_id
        self._number = 0

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield the events as they come; a client that hangs up ends the work for them."""
        begun = _response(self._given, self._trace_id)
        yield self._event("response.created", response=begun)
        yield self._event("response.in_progress", response=begun)
        is_heard = False
        try:
            async for text in self._stream.texts():
                if not is_heard:
                    for line in self._message_begins():
                        yield line
                is_heard = True
                yield self._event("response.output_text.delta", **self._place(), delta=text, logprobs=[])
        except ApiError as error:
            told = {"code": error.code or "error", "message": error.message}
            yield self._event("response.failed", response={**begun, "status": "failed", "error": told})
            return
        whole = _response(self._given, self._trace_id, self._stream.completion)
        for place, item in enumerate(whole["output"]):
            for line in self._ended(place, item, is_heard=is_heard):
                yield line
        kind = "response.completed" if whole["status"] == "completed" else "response.incomplete"
        yield self._event(kind, response={**whole, "pointsman": self._stream.about})

    def _ended(self, place: int, item: Item, *, is_heard: bool) -> list[bytes]:
        """Return the events that end an item, after those that begin it where nothing of it was told yet."""
        if item["type"] == "function_call":
            about = {"item_id": item["id"], "output_index": place}
            begun = {**item, "status": "in_progress", "arguments": ""}
            arguments, name = item["arguments"], item["name"]
            return [
                self._event("response.output_item.added", output_index=place, item=begun),
                self._event("response.function_call_arguments.delta", **about, delta=arguments),
                self._event("response.function_call_arguments.done", **about, name=name, arguments=arguments),
                self._event("response.output_item.done", output_index=place, item=item),
            ]
        part = item["content"][0]
        said = [] if is_heard else self._message_begins()
        if part["type"] == "output_text":
            text = part["text"]
            said.append(self._event("response.output_text.done", **self._place(), text=text, logprobs=[]))
        return [
            *said,
            self._event("response.content_part.done", **self._place(), part=part),
            self._event("response.output_item.done", output_index=place, item=item),
        ]

    def _message_begins(self) -> list[bytes]:
        item = _item(self._trace_id, "in_progress", [])
        return [
            self._event("response.output_item.added", output_index=0, item=item),
            self._event("response.content_part.added", **self._place(), part=_part("")),
        ]

    def _place(self) -> dict[str, Any]:
        return {"item_id": f"msg_{self._trace_id}", "output_index": 0, "content_index": 0}

    def _event(self, kind: str, **content: Any) -> bytes:
        self._number += 1
        told = {"type": kind, "sequence_number": self._number - 1, **content}
        return b"event: " + kind.encode() + b"\ndata: " + dumped(told) + b"\n\n"
