"""Outcomes written as they come: one Parquet file, or a folder of parts where they are many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from router_training.contract import Outcome

ROWS_PER_PART = 1_000_000
_ROWS_AT_ONCE = 20_000
_TEXT_AT_ONCE = 1 << 26  # characters


def write_outcomes(outcomes: Iterable[Outcome], path: Path) -> int:
    """Write outcomes to a Parquet file, which appears whole or not at all; return how many there were."""
    part = path.with_suffix(".part")
    try:
        n = write_rows(outcomes, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return n


def write_parts(outcomes: Iterable[Outcome], folder: Path, rows_per_part: int = ROWS_PER_PART) -> int:
    """Write outcomes to `folder` as part-00000.parquet and on, so many rows each; return how many there were.

    Parts of an earlier writing are replaced. Memory does not grow with the number of outcomes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows, n, written = iter(outcomes), 0, 0
    while (ahead := next(rows, None)) is not None:
        n += write_outcomes(_after(ahead, islice(rows, rows_per_part - 1)), _part(folder, written))
        written += 1
    while (stale := _part(folder, written)).exists():
        stale.unlink()
        written += 1
    return n


def _after(first: Outcome, rest: Iterable[Outcome]) -> Iterator[Outcome]:
    yield first
    yield from rest


def _part(folder: Path, number: int) -> Path:
    return folder / f"part-{number:05}.parquet"


def _schema() -> Any:
    import pyarrow as pa  # spares the command line

    kinds = {"float": pa.float64(), "int": pa.int64()}
    return pa.schema(
        [
            (name, kinds.get(str(kind).split(" ")[0], pa.string()))
            for name, kind in Outcome.__annotations__.items()
        ]
    )


def _table(rows: list[Outcome], schema: Any) -> Any:
    import pyarrow as pa

    return pa.table({name: [getattr(row, name) for row in rows] for name in schema.names}, schema)


def write_rows(outcomes: Iterable[Outcome], path: Path) -> int:
    """Write outcomes to a Parquet file as they come, some at a time in memory; return how many there were."""
    import pyarrow.parquet as pq

    schema, n = _schema(), 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        rows: list[Outcome] = []
        size = 0
        for outcome in outcomes:
            rows.append(outcome)
            n += 1
            size += len(outcome.prompt) + len(outcome.response or "")
            if len(rows) == _ROWS_AT_ONCE or size > _TEXT_AT_ONCE:
                writer.write_table(_table(rows, schema))
                rows, size = [], 0
        writer.write_table(_table(rows, schema))
    return n
