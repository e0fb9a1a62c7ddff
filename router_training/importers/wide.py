"""A plain table: one row per prompt with columns per model (prompt, modelA, modelB, ...), or one row per prompt and model.

CSV, TSV, JSONL and Parquet. What the columns hold is guessed from their names and first values, shown, and asked about
where that is unsure: a bare column is a model's grades, `gpt_cost`, `gpt|response`, `score.gpt` are what they say.
"""

from __future__ import annotations

from pathlib import Path

from router_training.contract import DataError, UsageError
from router_training.importing.cells import Cells, Choices
from router_training.importing.guessing import Guess, guess
from router_training.importing.layout import columns_of, examples, read_table
from router_training.importing.records import TABLES, Place, Record, Rejected, files_of


def cells(path: Path, choices: Choices) -> Cells:
    """Yield the cells of a table whose columns are guessed; each file of a folder is a table of its own.

    Raises:
        DataError: if no row can be read.
        UsageError: if no prompt or model is found, or the user says that the guess is wrong.
    """
    files = files_of(path, TABLES)
    agreed: set[tuple[str, ...]] = set()
    for file in files:
        try:
            columns, sample = columns_of(file)
        except DataError as error:
            if len(files) == 1:
                raise
            yield Rejected(Place(str(file), "file", 1), str(error))
            continue
        found = guess(
            columns, sample, {name: role for name, role in choices.columns.items() if name in columns}
        )
        if choices.agree is not None and tuple(columns) not in agreed:
            choices.agree(*_shown(found, sample))
        agreed.add(tuple(columns))
        yield from read_table(file, found.layout)
    unknown = [name for name in choices.columns if not any(name in columns for columns in agreed)]
    if unknown:
        raise UsageError(f"--column {unknown[0]}={choices.columns[unknown[0]]}: {path} has no such column")


def _shown(found: Guess, sample: list[Record]) -> tuple[list[tuple[str, str, str]], list[str]]:
    rows = [(column, role, examples(sample, column)) for column, role in found.roles.items()]
    rows += [(column, "left out", examples(sample, column)) for column in found.left_out]
    return rows, list(found.doubts)
