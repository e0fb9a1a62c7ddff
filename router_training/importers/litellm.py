"""LiteLLM's logs (JSONL, JSON, CSV): the standard logging payload, or rows of its table of spend. Nothing is graded yet.

A failed call is one whose status is failure. Latency is from start to end: `response_time` is that of the first token
where the answer was streamed. An answer from LiteLLM's cache keeps no cost and no latency.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from router_training.importing.cells import Cell, Cells, Choices
from router_training.importing.records import LOGS, Record, Rejected, read_records

SUFFIXES = (*LOGS, ".csv", ".parquet")


def cells(path: Path, choices: Choices) -> Cells:
    """Yield one cell per call."""
    for record in read_records(path, SUFFIXES):
        yield record if isinstance(record, Rejected) else Cell(record.place, _fields(record))


def _fields(record: Record) -> Mapping[str, Any]:
    given = record.values
    started, ended = _seconds(given.get("startTime")), _seconds(given.get("endTime"))
    cached = str(given.get("cache_hit")).lower() == "true"
    cost = given.get("response_cost", given.get("spend"))
    return {
        "prompt": given.get("messages"),
        "model": given.get("model_group") or given.get("model"),
        "response": given.get("response"),
        "prompt_tokens": given.get("prompt_tokens"),
        "completion_tokens": given.get("completion_tokens"),
        "cost_usd": None if cached else cost,
        "latency_s": None if cached or started is None or ended is None else max(ended - started, 0.0),
        "time": None if started is None else datetime.fromtimestamp(started, UTC).isoformat(),
        "error": _error(given) if given.get("status") == "failure" else None,
    }


def _error(given: Mapping[str, Any]) -> str:
    details = given.get("error_information")
    said = details.get("error_message") if isinstance(details, Mapping) else None
    return str(given.get("error_str") or said or "the call failed")


def _seconds(value: Any) -> float | None:
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, datetime):
        return value.timestamp()
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
