"""The graph's last state as OpenAI's completion, with what only we know in `pointsman` and in headers."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from orchestrator import failures
from orchestrator.gateway.errors import ApiError
from orchestrator.gateway.wire import Completion, Wire
from router_training.contract import Catalogue

Answer = Mapping[str, Any]
HEADERS = ("model", "strategy", "confidence", "usd", "saved_usd", "trace_id")
# failure -> status and code of the answer, where nothing better came of the request
STATUS_OF = {
    failures.BAD_REQUEST.name: (400, "bad_request"),
    failures.CONTEXT_LENGTH.name: (400, "context_length_exceeded"),
    failures.REFUSED.name: (400, "content_filter"),
    failures.TOO_DEAR.name: (400, "max_usd_too_low"),
    failures.TOO_LATE.name: (504, "deadline_exceeded"),
    failures.TIMEOUT.name: (504, "timeout"),
    failures.RATE_LIMIT.name: (429, "rate_limit_exceeded"),
    failures.QUOTA.name: (429, "insufficient_quota"),
    failures.CIRCUIT_OPEN.name: (503, "upstream_unavailable"),
    failures.UNREACHABLE.name: (503, "upstream_unavailable"),
}
UPSTREAM = (502, "upstream_error")
RETRY_S = "1"


class Json(Response):
    """JSON of anything: NaN becomes null, and half characters are escaped."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return dumped(content)


def dumped(content: Any) -> bytes:
    """Return content as JSON."""
    try:
        return orjson.dumps(content)
    except TypeError:  # half characters, numbers of more than 64 bits
        return json.dumps(_finite(content), separators=(",", ":")).encode()


def _finite(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    return [_finite(one) for one in content] if isinstance(content, list | tuple) else content


def ours(answer: Answer, strategy: str, reference: str) -> dict[str, Any]:
    """Return what only we know of an answer.

    `saved_usd` is what the reference model is forecast to cost on this request, less what all calls of it cost.
    """
    reference_usd = reference_usd_of(answer, reference)
    return {
        "trace_id": answer["trace_id"],
        "model": answer["model"],
        "strategy": strategy,
        "confidence": answer["confidence"],
        "usd": answer["usd"],
        "reference": reference,
        "reference_usd": reference_usd,
        "saved_usd": None if reference_usd is None else reference_usd - answer["usd"],
        "latency_s": answer["latency_s"],
        "path": answer["path"],
        "reason": answer["decision"]["reason"],
        "attempts": [
            {key: one[key] for key in ("model", "confidence", "usd", "latency_s", "failure", "recorded")}
            for one in answer["attempts"]
        ],
        "note": answer["note"],
    }


def reference_usd_of(answer: Answer, reference: str) -> float | None:
    """Return what the reference model costs here: what it did cost if it answered alone, else its forecast."""
    attempts = answer["attempts"]
    if len(attempts) == 1 and attempts[0]["model"] == reference:
        return float(answer["usd"])
    return next(
        (float(one["usd"]) for one in answer["decision"]["forecasts"] if one["model"] == reference), None
    )


def headers_of(about: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers that tell it too."""
    known = {key: about.get(key) for key in HEADERS}
    told = {
        f"x-pointsman-{key.replace('_', '-')}": _text(value)
        for key, value in known.items()
        if value is not None
    }
    return {**told, "x-request-id": str(about["trace_id"])}


def _text(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text.encode("ascii", "backslashreplace").decode().replace("\n", " ")


def completion_of(answer: Answer, wire: Wire, trace_id: str, cards: Catalogue) -> Completion:
    """Return the answer as OpenAI's completion: the endpoint's own where it was one endpoint's.

    Raises:
        ApiError: if no model answered.
    """
    head = {"id": f"chatcmpl-{trace_id}", "object": "chat.completion", "created": int(time.time())}
    if answer["model"] is None:
        if (refused := _refused(answer, wire)) is not None:
            return {**refused, **head}
        raise no_answer(answer, cards)
    said = wire.completions.get(answer["model"])
    if said is not None and _text_of(said) == answer["result"]:
        return {**said, **head, "model": answer["model"]}
    message: dict[str, Any] = {"role": "assistant", "content": answer["result"] or None, "refusal": None}
    if answer["tool_calls"]:
        message["tool_calls"] = [
            {
                "id": call["id"],
                "type": "function",
                "function": {"name": call["name"], "arguments": json.dumps(call["args"])},
            }
            for call in answer["tool_calls"]
        ]
    elif not answer["result"]:
        message["content"] = ""
    attempt = answer["attempts"][answer_place(answer)]
    finish = "tool_calls" if answer["tool_calls"] else attempt["finish_reason"] or "stop"
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    usage = _usage(attempt)
    return {**head, "model": answer["model"], "choices": [choice], **({"usage": usage} if usage else {})}


def answer_place(answer: Answer) -> int:
    """Return which attempt became the answer: the last of the model with this text."""
    return max(
        i
        for i, one in enumerate(answer["attempts"])
        if one["model"] == answer["model"] and one["text"] == answer["result"]
    )


def _usage(attempt: Mapping[str, Any]) -> dict[str, int] | None:
    read, written = attempt["prompt_tokens"], attempt["completion_tokens"]
    if read is None or written is None:
        return None
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _text_of(completion: Completion) -> str:
    content = completion["choices"][0]["message"].get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _refused(answer: Answer, wire: Wire) -> Completion | None:
    """Return how the last provider that was asked refused, in its own words; None where the last failed otherwise."""
    last = next(iter(reversed(answer["attempts"])), None)
    if last is None or last["failure"] != failures.REFUSED.name:
        return None
    said = wire.completions.get(last["model"])
    return None if said is None else {**said, "model": last["model"]}


def no_answer(answer: Answer, cards: Catalogue) -> ApiError:
    """Return the error for a request that no model answered: what the last call that failed says about it.

    What an endpoint says of a request is told, for its sender can mend it; of anything else only the kind.
    """
    failed = [one for one in answer["attempts"] if one["failure"] is not None]
    if not failed:
        is_passing = any(reason.startswith("circuit") for reason in answer["decision"]["barred"].values())
        return _error(
            answer,
            *((503, "upstream_unavailable") if is_passing else (400, "no_model_fits")),
            answer["result"],
        )
    last = failed[-1]
    status, code = STATUS_OF.get(last["failure"], UPSTREAM)
    if status == 400:
        said = last["error"].replace(f", at {(cards[last['model']].base_url or '').rpartition('@')[2]}", "")
        return _error(answer, status, code, f"{last['model']}: {said.partition(': ')[2] or said}")
    if last["failure"] == failures.FAILED.name:  # what a recording says of itself
        return _error(answer, status, code, last["error"])
    kinds = "; ".join(f"{one['model']}: {one['failure']}" for one in failed)
    return _error(answer, status, code, f"No model could answer ({kinds}).")


def _error(answer: Answer, status: int, code: str, message: str) -> ApiError:
    wait = {"Retry-After": RETRY_S} if status in (429, 503) else {}
    return ApiError(status, message, code, headers={"x-request-id": answer["trace_id"], **wait})
