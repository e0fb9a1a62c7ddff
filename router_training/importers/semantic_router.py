"""vLLM semantic-router's benchmark of models (JSONL): query, category, model_name, performance, response_time in seconds.

`ground_truth` and `response` are read where they stand.
"""

from __future__ import annotations

from pathlib import Path

from router_training.importing.cells import Cells, Choices, from_record
from router_training.importing.records import LOGS, Rejected, read_records

FIELDS = {
    "prompt": "query",
    "model": "model_name",
    "quality": "performance",
    "latency_s": "response_time",
    "task_type": "category",
    "reference": "ground_truth",
    "response": "response",
    "error": "error",
}


def cells(path: Path, choices: Choices) -> Cells:
    """Yield one cell per line."""
    for record in read_records(path, LOGS):
        yield record if isinstance(record, Rejected) else from_record(record, FIELDS)
