"""RouterArena: graded predictions (JSON), and the cached answers of one model each (JSONL).

A prediction file has "global index", prompt, prediction (the model), generated_result, accuracy and cost; a cache has
global_index, question, llm_selected, generated_answer, token_usage and evaluation_result. Of the last only `score` and
`inference_cost` are read; the caches that could be looked at leave it empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from router_training.importing.cells import Cell, Cells, Choices
from router_training.importing.records import LOGS, Record, Rejected, read_records


def cells(path: Path, choices: Choices) -> Cells:
    """Yield one cell per prediction or cached answer."""
    for record in read_records(path, LOGS):
        yield record if isinstance(record, Rejected) else Cell(record.place, _fields(record))


def _fields(record: Record) -> dict[str, Any]:
    given = record.values
    result = given if "generated_answer" in given else _mapping(given.get("generated_result"))
    graded, tokens = _mapping(given.get("evaluation_result")), _mapping(result.get("token_usage"))
    failed = result.get("success") is False
    return {
        "task_id": given.get("global index", given.get("global_index")),
        "prompt": given.get("prompt", given.get("question")),
        "model": given.get("prediction", given.get("llm_selected")),
        "quality": given.get("accuracy", graded.get("score")),
        "cost_usd": given.get("cost", graded.get("inference_cost")),
        "response": result.get("generated_answer"),
        "prompt_tokens": tokens.get("input_tokens"),
        "completion_tokens": tokens.get("output_tokens"),
        "reference": graded.get("ground_truth"),
        "source": "RouterArena",
        "error": result.get("error") or ("the call failed" if failed else None),
    }


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
