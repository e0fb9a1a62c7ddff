"""The prompts of a file of outcomes or of tasks, as those who read the file will encode them."""

from __future__ import annotations

from pathlib import Path

from router_training.contract import DataError
from router_training.importing.records import Record, read_records
from router_training.labels.task_files import SUFFIXES, read_task_file
from router_training.outcomes import load_outcomes


def prompts_of(path: Path) -> list[str]:
    """Return the prompts of a file whose rows name a model and a quality, else those of a file of tasks.

    Raises:
        DataError: if the file cannot be read as what it looks like.
    """
    return (
        load_outcomes(path).prompts
        if _holds_outcomes(path)
        else [t.prompt for t in read_task_file(path).tasks]
    )


def _holds_outcomes(path: Path) -> bool:
    try:
        first = next((row for row in read_records(path, SUFFIXES) if isinstance(row, Record)), None)
    except DataError:  # a saved data set, or nothing at all: the reader of tasks says which
        return False
    return first is not None and {"model", "quality"} <= set(first.values)
