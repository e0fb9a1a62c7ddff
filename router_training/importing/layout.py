"""Which column of a table holds what; a row of a wide table becomes one cell per model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from router_training.contract import DataError
from router_training.importing.cells import MISSING, Cell, Cells
from router_training.importing.records import TABLES, Record, Rejected, read_records

MODEL = "model"
SAMPLE = 200
WITH_HEADER = (".csv", ".tsv", ".parquet")


@dataclass(frozen=True)
class Layout:
    """`task` maps fields to columns that all models share; `models` maps each model to its own fields and columns.

    With a column for `model` in `task` the table is long: one model per row, and `models` is empty.
    """

    task: Mapping[str, str]
    models: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def cells(self, record: Record, **more: Any) -> Iterable[Cell]:
        """Return the record's cells; a model of which the row says nothing has none."""
        values = record.values
        shared = {name: values.get(column) for name, column in self.task.items()} | more
        if MODEL in self.task:
            return [Cell(record.place, shared)]
        own = {
            model: {name: values.get(column) for name, column in columns.items()}
            for model, columns in self.models.items()
        }
        return [
            Cell(record.place, shared | {MODEL: model} | fields)
            for model, fields in own.items()
            if not all(map(_blank, fields.values()))
        ]


def _blank(value: Any) -> bool:
    return value is None or value != value or (isinstance(value, str) and value.strip().lower() in MISSING)


def columns_of(path: Path, suffixes: tuple[str, ...] = TABLES) -> tuple[list[str], list[Record]]:
    """Return the columns of a table and its first records; of JSON the whole is looked through, for keys that come late.

    Raises:
        DataError: if no record can be read.
    """
    rejected: Rejected | None = None
    columns: dict[str, None] = {}
    sample: list[Record] = []
    for record in read_records(path, suffixes):
        if isinstance(record, Rejected):
            rejected = rejected or record
            continue
        if len(sample) < SAMPLE or not columns.keys() >= record.values.keys():
            sample.append(record)
        columns |= dict.fromkeys(record.values)
        if len(sample) >= SAMPLE and path.suffix.lower() in WITH_HEADER:
            break
    if not sample:
        reason = "it has no rows" if rejected is None else f"{rejected.place}: {rejected.reason}"
        raise DataError(f"{path} holds no row that can be read: {reason}")
    return list(columns), sample


def suffixed(columns: Iterable[str], suffixes: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the fields and columns of each model whose columns are its name and one of `suffixes`."""
    models: dict[str, dict[str, str]] = {}
    for column in columns:
        for suffix, name in suffixes.items():
            if column.endswith(suffix) and len(column) > len(suffix):
                models.setdefault(column.removesuffix(suffix), {})[name] = column
    return models


def present(columns: Iterable[str], names: Mapping[str, str]) -> dict[str, str]:
    """Return those of the fields in `names` whose column is there."""
    known = set(columns)
    return {field_name: column for field_name, column in names.items() if column in known}


def read_table(path: Path, layout: Layout, suffixes: tuple[str, ...] = TABLES, **more: Any) -> Cells:
    """Yield the cells of every record of a table."""
    for record in read_records(path, suffixes):
        if isinstance(record, Rejected):
            yield record
        else:
            yield from layout.cells(record, **more)


def examples(sample: list[Record], column: str, count: int = 2) -> str:
    """Return the first values of a column, shortened, for a person to look at."""
    values = (str(record.values.get(column)) for record in sample if not _blank(record.values.get(column)))
    return "; ".join(value if len(value) <= 24 else value[:23] + "…" for value in islice(values, count))
