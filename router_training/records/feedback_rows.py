"""Finished requests as rows of the outcome table, and those rows as Parquet.

A feedback row and a seed row are the same `Outcome`: retraining is training on more rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from router_training.contract import GOLD, HUMAN, SHADOW, Attempt, Outcome, RequestRecord
from router_training.records.traces import is_escalated, is_failed

_NUMBERS = {
    "quality": pa.float64(),
    "cost_usd": pa.float64(),
    "latency_s": pa.float64(),
    "propensity": pa.float64(),
}
_COUNTS = {"prompt_tokens": pa.int64(), "completion_tokens": pa.int64()}
_COLUMNS = tuple(field.name for field in fields(Outcome))
_SCHEMA = pa.schema([(name, (_NUMBERS | _COUNTS).get(name, pa.string())) for name in _COLUMNS])


def outcomes_of(record: RequestRecord) -> list[Outcome]:
    """Return one outcome per attempt; a failed or unverified attempt has quality None, never 0.

    An answer on which no verifier had anything to say counts as unverified: its confidence is the forecast
    alone, and a router must not be taught its own forecasts.

    `task_id` is the trace id, for live traffic has no other; an answer asked for in the shadow of a request has that
    request's, and the source "shadow". The propensity belongs to the model that the router chose; a model asked because
    an earlier answer was refused has none.
    """
    return [
        Outcome(
            task_id=record.shadow_of or record.trace_id,
            prompt=record.prompt,
            model=attempt.model,
            quality=attempt.confidence if _is_verified(attempt) else None,
            task_type=record.task_type,
            cost_usd=attempt.usd,
            latency_s=attempt.latency_s,
            prompt_tokens=attempt.prompt_tokens,
            completion_tokens=attempt.completion_tokens,
            response=attempt.text,
            source="feedback" if record.shadow_of is None else SHADOW,
            reference=record.reference,
            label_source=_label_source(attempt),
            propensity=record.decision.propensity if attempt.model == record.decision.model else None,
            time=record.time,
            error=attempt.error,
        )
        for attempt in record.attempts
    ]


def _label_source(attempt: Attempt) -> str:
    kinds = {one.kind for one in attempt.evidence}
    return next((kind for kind in (GOLD, HUMAN) if kind in kinds), "verifier")


def _is_verified(attempt: Attempt) -> bool:
    return (
        attempt.error is None
        and not attempt.sources
        and any(one.p_correct is not None for one in attempt.evidence)
    )


def write_rows(records: Iterable[RequestRecord], path: Path) -> None:
    """Write the outcomes of these requests as one Parquet file."""
    rows = [asdict(outcome) for record in records for outcome in outcomes_of(record)]
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), path)


def read_rows(path: Path) -> list[Outcome]:
    """Return the outcomes that `write_rows` wrote."""
    return [Outcome(**row) for row in pq.read_table(path, columns=list(_COLUMNS)).to_pylist()]


def unique(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return one outcome per request and model, the latest shipped, however often each was shipped."""
    return list({(outcome.task_id, outcome.model): outcome for outcome in outcomes}.values())


def traffic_metrics(records: Sequence[RequestRecord]) -> dict[str, float]:
    """Return what a feedback run shows of its requests; what was asked in their shadow is counted by itself."""
    served = [record for record in records if record.shadow_of is None]
    confidences = [record.confidence for record in served if record.confidence is not None]
    asked_again = [record.usd for record in records if record.shadow_of is not None]
    n = max(1, len(served))
    return {
        "requests": len(served),
        "usd": sum(record.usd for record in served),
        "escalated_share": sum(map(is_escalated, served)) / n,
        "failed_share": sum(map(is_failed, served)) / n,
        **({"shadow_requests": len(asked_again), "shadow_usd": sum(asked_again)} if asked_again else {}),
        **({"mean_confidence": sum(confidences) / len(confidences)} if confidences else {}),
    }
