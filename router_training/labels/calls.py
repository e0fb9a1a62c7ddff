"""One call of an OpenAI-compatible endpoint: sent once, and whether it was paid for is said with what came of it."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from router_training.contract import ModelCard, Task, UsageError
from router_training.labels.pace import rest

OPENAI = "https://api.openai.com/v1"
UNPAID, PAID, UNKNOWN = "no", "yes", "unknown"
_LATER = frozenset({429, 500, 502, 503, 529})  # refused for now: asked again
_DOUBTFUL = frozenset(
    {408, 504, 524}
)  # somebody on the way stopped waiting for an answer that may have been made
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `key` is its idempotency key, the same however often it is sent."""

    url: str
    body: Mapping[str, Any]
    key: str
    timeout_s: float
    api_key_env: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one try: `fields` for the journal, `paid`, and after how many seconds to try again, if at all."""

    fields: Mapping[str, Any]
    paid: str
    again_after_s: float | None = None


Asker = Callable[[Call], Awaitable[Reply]]


def messages(card: ModelCard, task: Task) -> list[dict[str, Any]]:
    """Return the chat messages that this card sends for a task; a conversation's own system prompt comes first."""
    said = json.loads(task.messages) if task.messages else [{"role": "user", "content": task.prompt}]
    told = any(message["role"] == "system" for message in said)
    system = [{"role": "system", "content": card.system_prompt}] if card.system_prompt and not told else []
    return [*system, *said]


def call_of(card: ModelCard, task: Task, key: str, max_tokens: int | None) -> Call:
    """Return the call that asks this card this task.

    Raises:
        UsageError: if the card's endpoint does not speak the OpenAI protocol.
    """
    base = card.base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI
    if card.provider != "openai" and card.base_url is None:
        raise UsageError(
            f"model {card.name!r} is of provider {card.provider!r}, but labelling speaks the OpenAI protocol; give "
            "its card the base_url of an OpenAI-compatible endpoint, or take it out of the models file"
        )
    body: dict[str, Any] = {
        "model": card.model or card.name,
        "messages": messages(card, task),
        "temperature": card.temperature,
    }
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    env = card.api_key_env or ("OPENAI_API_KEY" if card.base_url is None else None)
    return Call(f"{base.rstrip('/')}/chat/completions", body, key, card.timeout_s, env)


async def send(call: Call) -> Reply:
    """Send a call once, over a connection of its own, and never raise for an endpoint's failure.

    A connection that is used again may be closed just as a request goes out on it; then nobody knows what was paid.
    """
    import aiohttp  # spares the command line

    key = os.environ.get(call.api_key_env, "") if call.api_key_env else ""
    headers = {"Authorization": f"Bearer {key or 'none'}", "Idempotency-Key": call.key}
    started = time.perf_counter()
    try:
        limit = aiohttp.ClientTimeout(total=call.timeout_s)
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.post(call.url, json=call.body, headers=headers) as answer,
        ):
            raw = await answer.read()
            reply = _reply(answer.status, answer.headers, raw)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
        reply = Reply({"error": f"no connection: {error}"}, UNPAID, 1.0)
    except TimeoutError:
        reply = Reply({"error": f"no answer within {call.timeout_s:g} s"}, UNKNOWN)
    except (aiohttp.ClientError, OSError) as error:
        reply = Reply({"error": f"the connection broke ({type(error).__name__}: {error})"}, UNKNOWN)
    fields = {"latency_s": round(time.perf_counter() - started, 4)} | dict(reply.fields)
    if "error" in fields:
        said = fields["error"].replace(key, "…") if key else fields["error"]
        fields["error"] = said[:_SHOWN]
    return Reply(fields, reply.paid, reply.again_after_s)


async def send_patiently(
    call: Call, *, asker: Asker, tries: int, pause: Callable[[float], None], ended: asyncio.Event
) -> Reply:
    """Send a call until it is not refused "for now", `tries` times at most; `pause` hears how long it should rest.

    Only what was not paid for is sent again, and nothing once `ended` is set.
    """
    for left in range(tries, 0, -1):
        reply = await asker(call)
        if reply.again_after_s is None or left == 1:
            break
        wait_s = max(reply.again_after_s, 0.5 * 2 ** (tries - left))
        pause(wait_s)
        await rest(wait_s, ended)
        if ended.is_set():
            break
    return reply


def _reply(status: int, headers: Mapping[str, str], raw: bytes) -> Reply:
    text = raw.decode("utf-8", "replace")
    if status == 200:
        return _answer(text)
    error = {"error": f"HTTP {status}: {_message(text)}"}
    if status in _DOUBTFUL:
        return Reply(error, UNKNOWN)
    later = status in _LATER and "insufficient_quota" not in text
    return Reply(error, UNPAID, _seconds(headers.get("Retry-After")) if later else None)


def _answer(text: str) -> Reply:
    try:
        body = json.loads(text)
        choice, usage = body["choices"][0], body.get("usage") or {}
        message = choice["message"]
        said = message.get("content") or message.get("refusal") or ""
        if not isinstance(said, str):
            raise TypeError("the content is no text")
        found = {
            "response": said,
            "finish_reason": choice.get("finish_reason"),
            "prompt_tokens": _count(usage.get("prompt_tokens")),
            "completion_tokens": _count(usage.get("completion_tokens")),
        }
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return Reply({"error": f"a reply without an answer: {text}"}, UNKNOWN)
    return Reply(found, PAID)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return text


def _seconds(value: str | None) -> float:
    """Read a Retry-After in seconds; a date, or nothing, means one second."""
    try:
        return min(max(float(value or 1.0), 0.0), 120.0)
    except ValueError:
        return 1.0
