"""An outcome table as `train` reads it, of which some rows cannot be used (CSV, TSV, JSONL, Parquet): the others are kept.

One row per task and model: task_id, prompt (or messages), model, quality, and what else an outcome has.
"""

from __future__ import annotations

from pathlib import Path

from router_training.importing.cells import Cells, Choices, own_cell
from router_training.importing.records import TABLES, Rejected, read_records


def cells(path: Path, choices: Choices) -> Cells:
    """Yield one cell per row."""
    for record in read_records(path, TABLES):
        yield record if isinstance(record, Rejected) else own_cell(record)
