"""What of prompts and answers reaches logs, traces and feedback: everything, digests, or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from router_training.contract import HASHED, Attempt, Evidence, RequestRecord, ToolCall, UsageError

Privacy = Literal["full", "hash", "none"]


def hashed(text: str) -> str:
    """Return the SHA-256 of a text: the same text can be recognised, and a short one guessed."""
    return HASHED + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


KEPT: dict[str, Callable[[str], str]] = {"full": str, "hash": hashed, "none": lambda text: ""}


def redacted(record: RequestRecord, privacy: Privacy) -> RequestRecord:
    """Return the request with every text that the user or a model wrote kept as `privacy` says.

    Models, prices, times, confidences and kinds of failure stay. What verifiers and endpoints say in words goes
    too, for it quotes answers and prompts.

    Raises:
        UsageError: `privacy` is none of full, hash and none.
    """
    if privacy not in KEPT:
        raise UsageError(f"privacy is {privacy!r}; it must be one of {', '.join(KEPT)}")
    if privacy == "full":
        return record
    keep = KEPT[privacy]
    return replace(
        record,
        prompt=keep(record.prompt),
        result=keep(record.result),
        reference=None if record.reference is None else keep(record.reference) or None,
        attempts=tuple(_attempt(attempt, keep) for attempt in record.attempts),
    )


def _attempt(attempt: Attempt, keep: Callable[[str], str]) -> Attempt:
    return replace(
        attempt,
        text=None if attempt.text is None else keep(attempt.text),
        error=None if attempt.error is None else attempt.failure or "failed",
        evidence=tuple(_evidence(one) for one in attempt.evidence),
        tool_calls=tuple(_tool_call(call, keep) for call in attempt.tool_calls),
    )


def _evidence(evidence: Evidence) -> Evidence:
    return replace(evidence, reason="")


def _tool_call(call: ToolCall, keep: Callable[[str], str]) -> ToolCall:
    return replace(call, args=keep(call.args), result=None if call.result is None else keep(call.result))
