"""OpenAI's messages as LangChain's, and back: what the caller wrote is sent on as it was written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolMessage,
    convert_to_openai_messages,
)
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.messages.tool import ToolCall

from orchestrator.gateway.errors import bad_request

WRITTEN = "as_written"
"""Where a message keeps the caller's own form of it."""


def from_openai(messages: Sequence[Mapping[str, Any]]) -> list[BaseMessage]:
    """Return the messages as the graph reads them.

    Raises:
        ApiError: if one is no message.
    """
    if not messages:
        raise bad_request("messages is empty; give at least one message", "messages")
    return [_message(i, message) for i, message in enumerate(messages)]


def to_openai(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """Return the messages as an endpoint reads them."""
    return [
        message.additional_kwargs[WRITTEN] if WRITTEN in message.additional_kwargs else _converted(message)
        for message in messages
    ]


def answer_of(completion: Mapping[str, Any]) -> AIMessage:
    """Return the first choice of a completion as the graph reads it."""
    choice = completion["choices"][0]
    message, usage = choice["message"], completion.get("usage")
    content, refusal = message.get("content"), message.get("refusal")
    valid, broken = _calls(message.get("tool_calls") or ())
    return AIMessage(
        content=content if isinstance(content, str | list) else "",
        additional_kwargs={"refusal": refusal} if refusal else {},
        response_metadata={"finish_reason": choice.get("finish_reason")},
        tool_calls=valid,
        invalid_tool_calls=broken,
        usage_metadata=_usage(usage) if isinstance(usage, dict) else None,
    )


def _message(i: int, given: Mapping[str, Any]) -> BaseMessage:
    role, content = given.get("role"), given.get("content")
    place = f"messages.{i}"
    if not _is_content(content):
        raise bad_request(f"{place}.content must be a text or a list of parts", f"{place}.content")
    written: dict[str, Any] = {WRITTEN: dict(given)}
    text: Any = "" if content is None else content
    match role:
        case "user":
            return HumanMessage(text, additional_kwargs=written)
        case "system" | "developer":
            return SystemMessage(text, additional_kwargs=written)
        case "assistant":
            valid, broken = _calls(given.get("tool_calls") or ())
            return AIMessage(text, additional_kwargs=written, tool_calls=valid, invalid_tool_calls=broken)
        case "tool" | "function":
            call_id = str(given.get("tool_call_id") or given.get("name") or "")
            return ToolMessage(text, tool_call_id=call_id, additional_kwargs=written)
    raise bad_request(
        f"{place}.role is {role!r}; it must be user, system, developer, assistant or tool", f"{place}.role"
    )


def _is_content(content: Any) -> bool:
    if content is None or isinstance(content, str):
        return True
    return isinstance(content, list) and all(isinstance(part, dict) and _is_part(part) for part in content)


def _is_part(part: Mapping[str, Any]) -> bool:
    return isinstance(part.get("type"), str) and isinstance(part.get("text", ""), str)


def _converted(message: BaseMessage) -> dict[str, Any]:
    converted = convert_to_openai_messages(message)
    assert isinstance(converted, dict)
    return converted


def _calls(given: Any) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """Return the calls of tools whose arguments are a JSON object, and the others."""
    valid, broken = list[ToolCall](), list[InvalidToolCall]()
    for call in given if isinstance(given, Sequence) else ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping):
            continue
        name, text, call_id = (
            str(one or "") for one in (function.get("name"), function.get("arguments"), call.get("id"))
        )
        args = _object(text)
        if args is None:
            broken.append(
                InvalidToolCall(type="invalid_tool_call", name=name, args=text, id=call_id, error=None)
            )
        else:
            valid.append(ToolCall(type="tool_call", name=name, args=args, id=call_id))
    return valid, broken


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _usage(usage: Mapping[str, Any]) -> UsageMetadata | None:
    read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not isinstance(read, int) or not isinstance(written, int):
        return None
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    known = UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)
    if isinstance(cached, int):
        known["input_token_details"] = InputTokenDetails(cache_read=cached)
    return known
