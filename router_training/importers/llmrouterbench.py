"""LLMRouterBench's results (JSON): one file per data set and model, its answers in `records` with `score` and `cost`.

A folder of them is one table. Results marked `demo` are left out. A record without a score is an answer without a grade.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from router_training.importing.cells import Cell, Cells, Choices
from router_training.importing.records import Place, Record, Rejected, read_records

FIELDS = {
    "prompt": "origin_query",
    "quality": "score",
    "reference": "ground_truth",
    "response": "raw_output",
    "prompt_tokens": "prompt_tokens",
    "completion_tokens": "completion_tokens",
    "cost_usd": "cost",
}


def cells(path: Path, choices: Choices) -> Cells:
    """Yield one cell per record of every file."""
    for file in read_records(path, (".json",)):
        if isinstance(file, Rejected):
            yield file
        elif not isinstance(file.values.get("records"), list):
            yield Rejected(
                file.place, "no list of records; a result has model_name, dataset_name and records"
            )
        elif not file.values.get("demo"):
            for number, given in enumerate(file.values["records"], start=1):
                yield _cell(Place(file.place.file, "record", number), file, given)


def _cell(place: Place, file: Record, given: Any) -> Cell | Rejected:
    if not isinstance(given, Mapping):
        return Rejected(place, f"a JSON {type(given).__name__}, not an object", str(given))
    dataset, split = file.values.get("dataset_name"), file.values.get("split")
    fields = {name: given.get(key) for name, key in FIELDS.items()}
    fields["prompt"] = given.get("origin_query") or given.get("prompt")
    index = given.get("index")
    task_id = None if index is None else "/".join(map(str, filter(None, (dataset, split)))) + f"/{index}"
    fields |= {
        "task_id": task_id,
        "model": file.values.get("model_name"),
        "source": dataset,
        "task_type": dataset,
    }
    return Cell(place, fields)
