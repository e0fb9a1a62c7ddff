"""Langfuse's exports (JSONL, JSON, CSV): observations, and the scores of them or of their traces.

A folder may hold both, as the export to blob storage writes them; names are read in either spelling (`trace_id`,
`traceId`). Observations of type GENERATION count. The grade is the score called --score; without it, the only one there
is. Scores of annotators are labelled human, those of evaluators judge; of one with categories its name counts, not its
number. An observation that several files hold counts once. Latency is from start to end: exports set up before April 2026
write `latency` in milliseconds. Unpack files that end in .gz first.

Known from its documentation (Blob Storage Export Field Reference, as of October 2026), not from an export of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from router_training.contract import UsageError
from router_training.importing.cells import Cell, Cells, Choices
from router_training.importing.records import LOGS, Record, Rejected, read_records

SUFFIXES = (*LOGS, ".csv", ".parquet")
LABELS = {"ANNOTATION": "human", "EVAL": "judge"}
Scores = dict[tuple[str, str], Mapping[str, Any]]


def cells(path: Path, choices: Choices) -> Cells:
    """Yield one cell per generation.

    Raises:
        UsageError: if several scores are there and --score names none of them.
    """
    scores, seen = _scores(path, choices.score), set[str]()
    for record in read_records(path, SUFFIXES):
        if isinstance(record, Rejected):
            yield record
            continue
        given = _snake(record.values)
        name = str(given.get("id"))
        known = given.get("id") is not None and name in seen
        if str(given.get("type", "")).upper() == "GENERATION" and not known:
            seen.add(name)
            yield Cell(record.place, _fields(given, scores))


def _scores(path: Path, wanted: str | None) -> Scores:
    found: dict[str, Scores] = {}
    for record in read_records(path, SUFFIXES):
        given = _snake(record.values) if isinstance(record, Record) else {}
        if "value" not in given or "name" not in given or "type" in given:
            continue
        kind, key = _target(given)
        found.setdefault(str(given["name"]), {})[kind, key] = given
    name = wanted or (next(iter(found)) if len(found) == 1 else None)
    if found and name not in found:
        raise UsageError(
            f"{path} holds the scores {', '.join(sorted(found))}; say which is the grade with --score NAME"
        )
    return {} if name is None else found.get(name, {})


def _target(score: Mapping[str, Any]) -> tuple[str, str]:
    if score.get("observation_id"):
        return "observation", str(score["observation_id"])
    return "trace", str(score.get("trace_id"))


def _fields(given: Mapping[str, Any], scores: Scores) -> dict[str, Any]:
    usage, costs = _mapping(given.get("usage_details")), _mapping(given.get("cost_details"))
    of_own, of_trace = ("observation", str(given.get("id"))), ("trace", str(given.get("trace_id")))
    score = scores.get(of_own) or scores.get(of_trace) or {}
    failed = given.get("level") == "ERROR"
    total = (given.get(name) for name in ("total_cost", "calculated_total_cost"))
    return {
        "prompt": given.get("input"),
        "model": given.get("provided_model_name") or given.get("model"),
        "response": given.get("output"),
        "quality": _grade(score),
        "label_source": LABELS.get(str(score.get("source")).upper(), "gold"),
        "prompt_tokens": usage.get("input", given.get("prompt_tokens")),
        "completion_tokens": usage.get("output", given.get("completion_tokens")),
        "cost_usd": costs.get("total", next((cost for cost in total if cost is not None), None)),
        "latency_s": _latency(given),
        "time": given.get("start_time"),
        "error": (given.get("status_message") or "the call failed") if failed else None,
    }


def _grade(score: Mapping[str, Any]) -> Any:
    named = str(score.get("data_type")).upper() in ("CATEGORICAL", "TEXT")
    return score.get("string_value") if named or score.get("value") is None else score["value"]


def _latency(given: Mapping[str, Any]) -> Any:
    try:
        ended, started = (datetime.fromisoformat(str(given.get(name))) for name in ("end_time", "start_time"))
        return max((ended - started).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return given.get("latency")


def _snake(values: Mapping[str, Any]) -> dict[str, Any]:
    return {re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower(): value for name, value in values.items()}


def _mapping(value: Any) -> Mapping[str, Any]:
    import json

    if isinstance(value, str):  # CSV holds objects as text
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, Mapping) else {}
