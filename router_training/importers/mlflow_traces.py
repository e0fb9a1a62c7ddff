"""MLflow's traces (JSONL or JSON, one `Trace.to_json()` each): every span of a model is an answer.

The grade is the assessment called --score; without it, the only one there is, true or in [0, 1]. Only a trace with one
model call is graded by it: of several calls nobody knows which one was meant. Traces of Pointsman's own requests need no
import: `pointsman retrain` reads them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from router_training.contract import UsageError
from router_training.importing.cells import Cell, Cells, Choices
from router_training.importing.records import LOGS, Record, Rejected, read_records

MODEL_SPANS = ("CHAT_MODEL", "LLM")
LABELS = {"HUMAN": "human", "LLM_JUDGE": "judge", "CODE": "gold"}
FAILED = "STATUS_CODE_ERROR"


def cells(path: Path, choices: Choices) -> Cells:
    """Yield one cell per span of a model.

    Raises:
        UsageError: if several assessments are there and --score names none of them.
    """
    names = {
        str(given.get("assessment_name"))
        for record in read_records(path, LOGS)
        for given in _assessments(record)
    }
    name = choices.score or (next(iter(names)) if len(names) == 1 else None)
    if names and name not in names:
        raise UsageError(
            f"{path} holds the assessments {', '.join(sorted(names))}; say which is the grade with --score"
        )
    for record in read_records(path, LOGS):
        if isinstance(record, Rejected):
            yield record
        else:
            yield from _trace(record, name)


def _trace(record: Record, name: str | None) -> Cells:
    spans = [_attributes(span) for span in _list(_mapping(record.values.get("data")).get("spans"))]
    asked = [span for span in spans if span.get("mlflow.spanType") in MODEL_SPANS]
    if not asked:
        yield Rejected(record.place, "no span of a model (CHAT_MODEL or LLM) in this trace")
        return
    grades = [given for given in _assessments(record) if given.get("assessment_name") == name]
    grade = grades[-1] if grades and len(asked) == 1 else {}
    for span in asked:
        yield Cell(
            record.place,
            _fields(span, grade) | {"time": _mapping(record.values.get("info")).get("request_time")},
        )


def _fields(span: Mapping[str, Any], grade: Mapping[str, Any]) -> dict[str, Any]:
    asked = span.get("mlflow.spanInputs")
    tokens = _mapping(span.get("mlflow.chat.tokenUsage"))
    source = _mapping(grade.get("source")).get("source_type")
    return {
        "prompt": asked,
        "model": span.get("mlflow.llm.model") or _mapping(asked).get("model"),
        "response": span.get("mlflow.spanOutputs"),
        "quality": _mapping(grade.get("feedback")).get("value"),
        "label_source": LABELS.get(str(source), "gold"),
        "prompt_tokens": tokens.get("input_tokens"),
        "completion_tokens": tokens.get("output_tokens"),
        "cost_usd": _mapping(span.get("mlflow.llm.cost")).get("total_cost"),
        "latency_s": span["seconds"],
        "error": span["failure"],
    }


def _attributes(span: Any) -> dict[str, Any]:
    """Return a span's attributes, which are JSON inside JSON, with its duration and why it failed."""
    given = _mapping(span)
    status = _mapping(given.get("status"))
    start, end = given.get("start_time_unix_nano"), given.get("end_time_unix_nano")
    found = {name: _unpacked(value) for name, value in _mapping(given.get("attributes")).items()}
    found["seconds"] = (end - start) / 1e9 if isinstance(start, int) and isinstance(end, int) else None
    found["failure"] = (status.get("message") or "the call failed") if status.get("code") == FAILED else None
    return found


def _unpacked(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return value


def _assessments(record: Record | Rejected) -> list[Mapping[str, Any]]:
    if isinstance(record, Rejected):
        return []
    given = _list(_mapping(record.values.get("info")).get("assessments"))
    return [one for one in map(_mapping, given) if "feedback" in one and one.get("valid", True)]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
