"""What is asked of the Responses API, as the chat completion that answers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.gateway.errors import ApiError, bad_request
from orchestrator.gateway.openai_schema import ChatRequest, Name, Ours

# field here -> field of a chat completion
SAME = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_output_tokens": "max_completion_tokens",
    "parallel_tool_calls": "parallel_tool_calls",
    "metadata": "metadata",
    "user": "user",
    "safety_identifier": "safety_identifier",
    "service_tier": "service_tier",
}
NOT_HERE = ("previous_response_id", "conversation", "background", "prompt")
TEXT_PARTS = ("input_text", "output_text", "text")
DESCRIBED = ("name", "description", "parameters", "strict")


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
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
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
        is_text = isinstance(self.input, str)
        items = [{"role": "user", "content": self.input}] if is_text else self.input
        chat: dict[str, Any] = {
            "model": self.model,
            "messages": [*first, *messages(items)],  # type: ignore[arg-type]  # a text has become an item
            "stream": self.stream,
            "pointsman": self.pointsman,
        }
        chat |= {name: given[field] for field, name in SAME.items() if given.get(field) is not None}
        if self.tools:
            chat["tools"] = [_tool(i, tool) for i, tool in enumerate(self.tools)]
            chat["tool_choice"] = _choice(self.tool_choice)
        if (form := (self.text or {}).get("format")) and form.get("type") != "text":
            chat["response_format"] = _format(form)
        if effort := (self.reasoning or {}).get("effort"):
            chat["reasoning_effort"] = effort
        return ChatRequest.model_validate(chat)


def messages(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return items of the input as messages; calls of tools join the assistant's message before them.

    Raises:
        ApiError: if one is neither a message of text and pictures, nor a call of a function or its result.
    """
    found: list[dict[str, Any]] = []
    for i, item in enumerate(items):
        kind = item.get("type", "message")
        if kind not in READ:
            known = ", ".join(READ)
            raise _unsupported(
                f"input.{i} is a {kind!r}; items of the types {known} are read here", f"input.{i}"
            )
        message = READ[kind](item, f"input.{i}")
        if kind == "function_call" and found and found[-1]["role"] == "assistant":
            found[-1].setdefault("tool_calls", []).extend(message["tool_calls"])
        else:
            found.append(message)
    return found


def _message(item: Mapping[str, Any], place: str) -> dict[str, Any]:
    return {"role": item.get("role"), "content": _content(item.get("content"), f"{place}.content")}


def _call(item: Mapping[str, Any], place: str) -> dict[str, Any]:
    function = {"name": str(item.get("name") or ""), "arguments": str(item.get("arguments") or "")}
    call = {"id": str(item.get("call_id") or ""), "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _result(item: Mapping[str, Any], place: str) -> dict[str, Any]:
    content = _content(item.get("output"), f"{place}.output")
    return {"role": "tool", "tool_call_id": str(item.get("call_id") or ""), "content": content}


READ: Mapping[str, Callable[[Mapping[str, Any], str], dict[str, Any]]] = {
    "message": _message,
    "function_call": _call,
    "function_call_output": _result,
}


def _content(content: Any, place: str) -> Any:
    """Return a text, or parts of texts and pictures."""
    if isinstance(content, str):
        return content
    parts = [
        _part(part, f"{place}.{i}") for i, part in enumerate(content if isinstance(content, list) else [None])
    ]
    if all(part["type"] == "text" for part in parts):
        return "".join(part["text"] for part in parts)
    return parts


def _part(part: Any, place: str) -> dict[str, Any]:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind in TEXT_PARTS and isinstance(part.get("text"), str):
        return {"type": "text", "text": part["text"]}
    if kind == "input_image" and isinstance(part.get("image_url"), str):
        detail = {"detail": part["detail"]} if part.get("detail") else {}
        return {"type": "image_url", "image_url": {"url": part["image_url"], **detail}}
    raise _unsupported(f"{place} is neither a text nor a picture with an image_url", place)


def _tool(i: int, tool: Mapping[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function" or not isinstance(tool.get("name"), str):
        kind = tool.get("type")
        raise _unsupported(
            f"tools.{i} is a {kind!r}; only functions with a name are served here", f"tools.{i}"
        )
    return {
        "type": "function",
        "function": {key: tool[key] for key in DESCRIBED if tool.get(key) is not None},
    }


def _choice(choice: Any) -> Any:
    if choice is None or isinstance(choice, str):
        return choice
    if choice.get("type") != "function":
        raise _unsupported("tool_choice names no function", "tool_choice")
    return {"type": "function", "function": {"name": choice.get("name")}}


def _unsupported(message: str, param: str) -> ApiError:
    return bad_request(message, param, "unsupported")


def _format(form: Mapping[str, Any]) -> dict[str, Any]:
    if form.get("type") != "json_schema":
        return dict(form)
    return {
        "type": "json_schema",
        "json_schema": {key: value for key, value in form.items() if key != "type"},
    }
