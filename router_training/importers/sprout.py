"""SPROUT, the data of CARROT (Parquet or JSONL): a row per prompt, a column per model with score, tokens and response.

A model's column holds `score` in [0, 1] (an LLM judge's), `num_input_tokens`, `num_output_tokens` and, where there,
`response`. There are tokens, no costs: give the prices in models.toml.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from router_training.contract import DataError
from router_training.importing.cells import Cell, Cells, Choices, Unreadable, text
from router_training.importing.layout import columns_of
from router_training.importing.records import Record, Rejected, read_records

SUFFIXES = (".parquet", ".jsonl", ".ndjson", ".json")
TASK = {"prompt": "prompt", "reference": "golden_answer", "source": "dataset", "task_type": "dataset"}
OWN = {
    "quality": "score",
    "prompt_tokens": "num_input_tokens",
    "completion_tokens": "num_output_tokens",
    "response": "response",
}


def cells(path: Path, choices: Choices) -> Cells:
    """Yield one cell per row and model.

    Raises:
        DataError: if no column holds a score with its tokens.
    """
    columns, sample = columns_of(path, SUFFIXES)
    if not any(_is_result(record.values.get(column)) for record in sample for column in columns):
        raise DataError(f"{path} is not SPROUT: no column holds an object with a score; try the format wide")
    return _cells(path)


def _cells(path: Path) -> Cells:
    for record in read_records(path, SUFFIXES):
        if isinstance(record, Rejected):
            yield record
            continue
        shared = {name: record.values.get(column) for name, column in TASK.items()}
        shared["task_id"] = _task_id(record)
        for column, result in record.values.items():
            if isinstance(result, Mapping) and _is_result(result):
                own = {name: result.get(key) for name, key in OWN.items()}
                yield Cell(record.place, shared | own | {"model": column, "label_source": "judge"})


def _task_id(record: Record) -> str | None:
    """Return `key`, which is unique, or nothing; other names are unique within one data set only."""
    try:
        return text(record.values.get("key"))
    except Unreadable:
        return None


def _is_result(value: object) -> bool:
    return isinstance(value, Mapping) and "score" in value
