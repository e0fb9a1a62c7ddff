"""Cells become one outcome table: what is fine is written, what is not is listed in rejected.jsonl, nothing is lost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from router_training.contract import DataError, Outcome, UsageError
from router_training.importing.cells import Cell, outcome
from router_training.importing.records import SHOWN, Place, Rejected
from router_training.tables.outcome_parts import write_rows

REJECTED = "rejected.jsonl"


@dataclass
class Gathered:
    """What was read; counts are of outcomes, `errors` of failed calls by reason, `first` is the first that was rejected."""

    out: Path
    n_outcomes: int = 0
    n_graded: int = 0
    n_rejected: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    first: Rejected | None = None
    tasks: dict[str, int] = field(default_factory=dict)

    @property
    def rejected_path(self) -> Path:
        """Where the rejected are listed."""
        return self.out.parent / REJECTED


def gather(
    cells: Iterable[Cell | Rejected], out: Path, *, full_marks: float = 1.0, overwrite: bool = False
) -> Gathered:
    """Write the outcomes of the cells as Parquet and what was rejected beside it; memory does not grow with the texts.

    The first outcome of a task and model stays, and the first prompt of a task. The table appears whole or not at all.

    Raises:
        UsageError: if `out` exists and may not be overwritten, or is no Parquet file by its name.
        DataError: if no outcome was found, naming the first that was rejected; those are listed all the same.
    """
    if out.suffix != ".parquet":
        raise UsageError(f"--out {out} does not end in .parquet; name it outcomes.parquet, for example")
    if out.exists() and not overwrite:
        raise UsageError(f"{out} exists; name another file, or say --overwrite")
    found = Gathered(out)
    part = out.with_suffix(".parquet.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with found.rejected_path.open("w", encoding="utf-8", errors="backslashreplace") as rejects:
            write_rows(_accepted(cells, found, rejects, full_marks), part)
        if not found.n_outcomes:
            raise DataError(_nothing(found))
        part.replace(out)
    except OSError as error:
        raise DataError(f"{out} cannot be written ({error.strerror or error}); name another file") from error
    finally:
        _tidy(part, found)
    return found


def _tidy(part: Path, found: Gathered) -> None:
    with suppress(OSError):  # a folder that is none, or may not be written: that was said already
        part.unlink(missing_ok=True)
        if not found.n_rejected:
            found.rejected_path.unlink(missing_ok=True)


def _nothing(found: Gathered) -> str:
    if found.first is None:
        return "the file holds no outcome; it needs at least one prompt, model and answer or grade"
    return f"{found.first.place}: {found.first.reason} (nothing else could be used; {found.rejected_path} lists it all)"


def _accepted(
    cells: Iterable[Cell | Rejected], found: Gathered, rejects: Any, full_marks: float
) -> Iterator[Outcome]:
    seen: dict[int, Place] = {}
    for cell in cells:
        made = cell if isinstance(cell, Rejected) else outcome(cell, full_marks)
        if isinstance(made, Outcome):
            made = _unless_known(made, cell.place, seen, found)
        if isinstance(made, Rejected):
            found.n_rejected += 1
            found.first = found.first or made
            rejects.write(json.dumps(_listed(made), ensure_ascii=False) + "\n")
            continue
        found.n_outcomes += 1
        found.n_graded += made.quality is not None
        found.models[made.model] += 1
        if made.error is not None:
            found.errors[made.error[:80]] += 1
        yield made


def _unless_known(made: Outcome, place: Place, seen: dict[int, Place], found: Gathered) -> Outcome | Rejected:
    """Reject a second outcome of a task and model, and a second prompt of a task."""
    if found.tasks.setdefault(made.task_id, prompt := hash(made.prompt)) != prompt:
        return Rejected(
            place,
            f"task {made.task_id!r} had another prompt before; give this one its own id",
            made.prompt[:SHOWN],
        )
    cell = hash((made.task_id, made.model))
    if cell in seen:
        reason = f"task {made.task_id!r} and model {made.model!r} already stand in {seen[cell]}"
        return Rejected(place, reason, made.prompt[:SHOWN])
    seen[cell] = place
    return made


def _listed(made: Rejected) -> Mapping[str, Any]:
    at = made.place
    return {"file": at.file, at.unit: at.number, "reason": made.reason, "content": made.content}
