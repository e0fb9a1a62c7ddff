"""An outcome table graded again, without asking a model: rows that tell their task's grader and hold an answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from router_training.contract import DataError, Outcome, Task
from router_training.importing.cells import outcome, own_cell
from router_training.importing.records import SHOWN, TABLES, Place, Record, Rejected, read_records
from router_training.labels.grading import AT_ONCE, PAYS_FROM, Grading, pool_of, qualities
from router_training.labels.task_files import write_rejected
from router_training.tables.outcome_parts import write_outcomes


@dataclass
class Regraded:
    """What came of it: rows written, rows graded, those whose quality changed, and those left as they were."""

    path: Path
    n: int = 0
    graded: int = 0
    changed: int = 0
    kept: int = 0
    ungraded: int = 0
    rejected: int = 0


def regrade(table: Path, out: Path, tasks: Mapping[str, Task], grader: str | None, how: Grading) -> Regraded:
    """Grade the answers of a table again and write it to `out`; rows without answer or grader stay as they are.

    A task of `tasks` says grader and reference; else the row's own reference is read by `grader`. Rows that cannot be
    read are listed in rejected.jsonl beside `out`.

    Raises:
        DataError: if nothing in the table can be read.
    """
    found = Regraded(out)
    rejected: list[Rejected] = []
    out.parent.mkdir(parents=True, exist_ok=True)
    rows = _outcomes(table, rejected)
    found.n = write_outcomes(_regraded(rows, tasks, grader, how, found), out)
    found.rejected = len(rejected)
    write_rejected(rejected, out.parent / "rejected.jsonl")
    if not found.n:
        first = rejected[0] if rejected else None
        out.unlink()
        raise DataError(f"{first.place}: {first.reason}" if first else f"{table} holds no outcome")
    return found


def read_outcomes(table: Path) -> list[Outcome]:
    """Return the outcomes of a table that can be read.

    Raises:
        DataError: if there is none, naming the first row that could not be read.
    """
    rejected: list[Rejected] = []
    rows = list(_outcomes(table, rejected))
    if not rows:
        first = rejected[0] if rejected else None
        raise DataError(f"{first.place}: {first.reason}" if first else f"{table} holds no outcome")
    return rows


def _outcomes(table: Path, rejected: list[Rejected]) -> Iterator[Outcome]:
    """Yield the rows that can be read, the first of each task and model."""
    seen: dict[int, Place] = {}
    for record in read_records(table, TABLES):
        made = outcome(own_cell(record)) if isinstance(record, Record) else record
        if isinstance(made, Outcome):
            first = seen.setdefault(hash((made.task_id, made.model)), record.place)
            if first is record.place:
                yield made
                continue
            reason = f"task {made.task_id!r} and model {made.model!r} already stand in {first}"
            made = Rejected(record.place, reason, made.prompt[:SHOWN])
        rejected.append(made)


def _regraded(
    rows: Iterator[Outcome], tasks: Mapping[str, Task], grader: str | None, how: Grading, found: Regraded
) -> Iterator[Outcome]:
    with ExitStack() as stack:
        pool: ProcessPoolExecutor | None = None
        while batch := list(islice(rows, AT_ONCE)):
            if pool is None and len(batch) >= PAYS_FROM:
                pool = pool_of(stack, how, len(batch))
            yield from _batch(batch, tasks, grader, how, pool, found)


def _batch(
    batch: Sequence[Outcome],
    tasks: Mapping[str, Task],
    grader: str | None,
    how: Grading,
    pool: ProcessPoolExecutor | None,
    found: Regraded,
) -> Iterator[Outcome]:
    asked = [_task(row, tasks, grader) for row in batch]
    jobs = [
        (task, row.response, how.allow_code, task.grader in how.trusted)
        for task, row in zip(asked, batch, strict=True)
        if task is not None and row.response is not None
    ]
    results = qualities(jobs, pool)
    for task, row in zip(asked, batch, strict=True):
        if task is None or row.response is None:
            found.kept += 1
            yield row
            continue
        quality, reason = next(results)
        found.graded += quality is not None
        found.ungraded += quality is None
        found.changed += quality != row.quality
        yield replace(row, quality=quality, error=reason, label_source="gold")


def _task(row: Outcome, tasks: Mapping[str, Task], grader: str | None) -> Task | None:
    known = tasks.get(row.task_id)
    if known is not None and (known.grader or grader):
        return replace(known, grader=grader or known.grader)
    if grader is None:
        return None
    return Task(row.prompt, row.task_id, row.task_type, row.reference, grader)
