"""A finished request as MLflow shows it: plain span records and trace tags, with no mlflow in sight.

`tracking` turns these records into MLflow's own types and writes them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from router_training.contract import GOLD, HASHED, HUMAN, Attempt, DataError, Evidence, RequestRecord

CONFIDENCE = "verifier_confidence"
USER_FEEDBACK = "user_feedback"
EXPECTED = "expected_response"  # the name by which MLflow's own scorers know a reference answer
PREVIEW_CHARS = 1000
LATER = frozenset({HUMAN, GOLD})
"""Kinds of evidence that come after the answer."""


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """One step of a request; times in nanoseconds since 1970, `parent` is the index of another step."""

    name: str
    kind: str
    start_ns: int
    end_ns: int
    parent: int | None = None
    inputs: object = None
    outputs: object = None
    attributes: Mapping[str, object] | None = None
    error: str | None = None

    def to_mlflow(self, trace: str, index: int) -> dict[str, object]:
        """Return the span in the JSON form that MLflow reads; span ids count from 1."""
        attributes = {
            "mlflow.traceRequestId": trace,
            "mlflow.spanType": self.kind,
            "mlflow.spanInputs": self.inputs,
            "mlflow.spanOutputs": self.outputs,
            **(self.attributes or {}),
        }
        return {
            "trace_id": _base64(int(trace.removeprefix("tr-"), 16), 16),
            "span_id": _base64(index + 1, 8),
            "parent_span_id": None if self.parent is None else _base64(self.parent + 1, 8),
            "name": self.name,
            "start_time_unix_nano": self.start_ns,
            "end_time_unix_nano": self.end_ns,
            "events": [],
            "links": [],
            "status": {
                "code": "STATUS_CODE_ERROR" if self.error else "STATUS_CODE_OK",
                "message": self.error or "",
            },
            "attributes": {key: strict_json(value) for key, value in attributes.items() if value is not None},
        }


@dataclass(frozen=True, slots=True)
class GoldGrade:
    """The grade in [0, 1] of the answer that `model` gave to a request, who graded it, and the reference if known."""

    trace_id: str
    model: str
    quality: float
    label_source: str = "gold"
    reference: str | None = None


def mlflow_trace_id(trace_id: str) -> str:
    """Return the MLflow trace id of a request: always the same for the same request."""
    bare = trace_id.removeprefix("tr-")
    if len(bare) == 32 and not set(bare) - set("0123456789abcdef"):
        return f"tr-{bare}"
    return f"tr-{hashlib.sha256(trace_id.encode()).hexdigest()[:32]}"


def spans_of(record: RequestRecord) -> list[SpanRecord]:
    """Return the steps of a request: the whole, the router, then each attempt followed by its verifier.

    A record says how long each attempt took and not when it began, so attempts are laid end to end, and
    the whole ends at the record's time.
    """
    checks = [sum(evidence.latency_s for evidence in attempt.evidence) for attempt in record.attempts]
    spent = sum(_duration_ns(attempt.latency_s) for attempt in record.attempts) + sum(
        map(_duration_ns, checks)
    )
    end = _nanoseconds(record.time)
    start = cursor = end - max(spent, _duration_ns(record.latency_s))
    steps = [_router(record, start)]
    for attempt, check in zip(record.attempts, checks, strict=True):
        done = cursor + _duration_ns(attempt.latency_s)
        steps.append(_attempt(attempt, record.prompt, cursor, done))
        cursor = done + _duration_ns(check)
        if attempt.confidence is not None:
            steps.append(_verifier(attempt, done, cursor))
    return [_request(record, start, end), *(replace(step, parent=0) for step in steps)]


def tags_of(record: RequestRecord) -> dict[str, str]:
    """Return the trace tags, by which MLflow's search finds a request."""
    tags = {
        "strategy": record.strategy,
        "model": record.model,
        "task_type": record.task_type,
        "policy_version": record.policy_version,
        "data_digest": record.data_digest,
        "price_digest": record.price_digest,
        "escalated": str(is_escalated(record)).lower(),
        "failed": str(is_failed(record)).lower(),
        "shadow": None if record.shadow_of is None else "true",
        "shadow_of": record.shadow_of,
    }
    return {key: value for key, value in tags.items() if value}


def rationale_of(record: RequestRecord) -> str:
    """Return the verifier's reasons for the accepted answer in one line."""
    return "; ".join(one.reason for one in _found_in_answer(record) if one.kind not in LATER and one.reason)


def verifier_confidence(record: RequestRecord) -> float | None:
    """Return the verifier's confidence in the answer, whatever was said of it later; None where there was none."""
    return record.verified if said_of(record) else record.confidence


def judges_of(record: RequestRecord) -> tuple[str, ...]:
    """Return the models whose opinion of the accepted answer the verifier weighed, sorted."""
    found = (one for one in _found_in_answer(record) if one.p_correct is not None)
    return tuple(sorted({one.model for one in found if one.model is not None}))


def is_escalated(record: RequestRecord) -> bool:
    """Say whether more than one model was asked."""
    return len(record.attempts) > 1


def is_failed(record: RequestRecord) -> bool:
    """Say whether a model call failed or no answer was accepted."""
    return record.model is None or any(attempt.error for attempt in record.attempts)


def said_of(record: RequestRecord) -> dict[str, Evidence]:
    """Return what was said of the accepted answer after it was given, by kind: HUMAN, GOLD, both or neither."""
    return {one.kind: one for one in _found_in_answer(record) if one.kind in LATER}


def is_kept(text: str | None) -> bool:
    """Say whether a text stands as it was written: neither left out nor put as a digest."""
    return bool(text) and not str(text).startswith(HASHED)


def _found_in_answer(record: RequestRecord) -> tuple[Evidence, ...]:
    accepted = [attempt for attempt in record.attempts if attempt.model == record.model]
    return accepted[-1].evidence if accepted else ()


def sample_for_traces(records: Iterable[RequestRecord], limit: int) -> list[RequestRecord]:
    """Return the requests that get a full trace.

    Every request that escalated, failed, or was rated by a person or against a reference, and of the others as many as `limit` leaves room for,
    chosen by a hash of the trace id: the same requests whenever they are shipped again.
    """
    told: list[RequestRecord] = []
    quiet: list[RequestRecord] = []
    for record in records:
        (told if is_escalated(record) or is_failed(record) or said_of(record) else quiet).append(record)
    quiet.sort(key=lambda record: hashlib.sha256(record.trace_id.encode()).digest())
    return told + quiet[: max(0, limit - len(told))]


def _request(record: RequestRecord, start: int, end: int) -> SpanRecord:
    return SpanRecord(
        "request",
        "CHAIN",
        start,
        end,
        inputs={"input": record.prompt, "task_type": record.task_type},
        outputs={"result": record.result, "model": record.model, "confidence": record.confidence},
        attributes={
            "strategy": record.strategy,
            "usd": record.usd,
            "latency_s": record.latency_s,
            "policy_version": record.policy_version,
            "data_digest": record.data_digest,
            "price_digest": record.price_digest,
        },
        error=None if record.model is not None else "no model gave an answer",
    )


def _router(record: RequestRecord, start: int) -> SpanRecord:
    decision = record.decision
    return SpanRecord(
        "router",
        "TASK",
        start,
        start,
        inputs={"dial": decision.dial, "strategy": record.strategy},
        outputs={"model": decision.model, "reason": decision.reason},
        attributes={
            "dial": decision.dial,
            "propensity": decision.propensity,
            "forecasts": [asdict(forecast) for forecast in decision.forecasts],
            "barred": dict(decision.barred),
        },
    )


def _attempt(attempt: Attempt, prompt: str, start: int, end: int) -> SpanRecord:
    tokens = {"input_tokens": attempt.prompt_tokens, "output_tokens": attempt.completion_tokens}
    known = {key: value for key, value in tokens.items() if value is not None}
    return SpanRecord(
        f"attempt {attempt.model}",
        "CHAT_MODEL",
        start,
        end,
        inputs={"input": prompt},
        outputs=attempt.text,
        attributes={
            "mlflow.llm.model": attempt.model,
            "mlflow.llm.cost": {"total_cost": attempt.usd},
            "mlflow.chat.tokenUsage": {**known, "total_tokens": sum(known.values())} if known else None,
            "usd": attempt.usd,
            "latency_s": attempt.latency_s,
            "recorded": attempt.recorded,
            "finish_reason": attempt.finish_reason,
        },
        error=attempt.error,
    )


def _verifier(attempt: Attempt, start: int, end: int) -> SpanRecord:
    return SpanRecord(
        "verifier",
        "EVALUATOR",
        start,
        end,
        inputs={"model": attempt.model},
        outputs={"confidence": attempt.confidence},
        attributes={"evidence": [asdict(evidence) for evidence in attempt.evidence]},
    )


def _nanoseconds(time: str) -> int:
    """Return nanoseconds since 1970 of an ISO 8601 time; one without a zone is UTC.

    Raises:
        DataError: The text is no ISO 8601 time.
    """
    return int(utc(time).timestamp() * 1e6) * 1000


def utc(time: str) -> datetime:
    """Return the moment that an ISO 8601 text names; one without a zone is UTC.

    Raises:
        DataError: The text is no ISO 8601 time.
    """
    try:
        moment = datetime.fromisoformat(time)
    except ValueError as error:
        raise DataError(f"time {time!r} is not ISO 8601; write it like 2026-01-31T12:00:00+00:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _duration_ns(seconds: float) -> int:
    return int(seconds * 1e9) if math.isfinite(seconds) else 0


def _base64(number: int, size: int) -> str:
    return base64.b64encode(number.to_bytes(size, "big")).decode()


def strict_json(value: object) -> str:
    """Return JSON that every reader takes: null where a number is not finite."""
    return json.dumps(_finite(value), ensure_ascii=False)


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
