"""RouteLLM's benchmark responses (CSV): prompt, a column of True and False per model, and `model_response` for some.

The files are those under evals/mmlu/responses and evals/gsm8k of the project; other columns (an index) are left out.
"""

from __future__ import annotations

from pathlib import Path

from router_training.contract import DataError
from router_training.importing.cells import Cells, Choices, is_grade
from router_training.importing.layout import Layout, columns_of, read_table
from router_training.importing.records import Record

SUFFIXES = (".csv",)
ENDING = "_response"


def cells(path: Path, choices: Choices) -> Cells:
    """Yield the cells of one file of responses, or of a folder of them.

    Raises:
        DataError: if there is no prompt, or no column of grades.
    """
    columns, sample = columns_of(path, SUFFIXES)
    models = {
        column: {"quality": column} | ({"response": column + ENDING} if column + ENDING in columns else {})
        for column in columns
        if column != "prompt" and column and not column.startswith("Unnamed") and _graded(column, sample)
    }
    if "prompt" not in columns or not models:
        raise DataError(
            f"{path} is not RouteLLM's: it has no column prompt, or no model with True and False; try wide"
        )
    return read_table(path, Layout({"prompt": "prompt"}, models), SUFFIXES)


def _graded(column: str, sample: list[Record]) -> bool:
    values = [value for record in sample if (value := record.values.get(column)) not in (None, "")]
    return bool(values) and all(is_grade(value) for value in values)
