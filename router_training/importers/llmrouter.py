"""LLMRouter's routing data (JSONL): one line per query and model, with the answer and its `performance`.

Where the call failed, the project writes the answer "ERROR: ..." or "API Error..." and the performance 0; such lines are
failed calls here, not wrong answers.
"""

from __future__ import annotations

from pathlib import Path

from router_training.importing.cells import Cells, Choices, from_record
from router_training.importing.records import LOGS, Rejected, read_records

FIELDS = {
    "prompt": "query",
    "model": "model_name",
    "quality": "performance",
    "reference": "ground_truth",
    "task_type": "task_name",
    "response": "response",
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "latency_s": "response_time",
}
FAILURES = ("ERROR", "API Error")


def cells(path: Path, choices: Choices) -> Cells:
    """Yield one cell per line."""
    for record in read_records(path, LOGS):
        if isinstance(record, Rejected):
            yield record
            continue
        answer = record.values.get("response")
        failed = isinstance(answer, str) and answer.startswith(FAILURES)
        gone = {"latency_s": None, "prompt_tokens": None, "completion_tokens": None} if failed else {}
        yield from_record(record, FIELDS, error=answer if failed else None, source="LLMRouter", **gone)
