"""Ask models a set of tasks and grade the answers: an outcome table of your own.

Every call is in an append-only journal before it is sent, and so is what came of it: a run that is cut continues where it
stopped, and grades can be mended without asking a model again. The parts are in `router_training.labels`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router_training.contract import Catalogue, DataError, Outcome, Task
from router_training.labels.asking import Plan, Tally, Told, ask
from router_training.labels.calls import Asker, send
from router_training.labels.grading import Grading, graded
from router_training.labels.journal import Journal
from router_training.labels.task_files import read_task_file
from router_training.tables.outcome_parts import ROWS_PER_PART, write_outcomes, write_parts

JOURNAL, TASKS, OUTCOMES, PARTS = "journal.jsonl", "tasks.jsonl", "outcomes.parquet", "outcomes"
INTERRUPTED = "interrupted"
_FIELDS = ("task_id", "task_type", "prompt", "reference", "grader", "messages", "json_schema")
_ALWAYS = ("task_id", "task_type", "prompt", "reference", "grader")


@dataclass(frozen=True)
class Labelled:
    """A labelling run: what was asked in it, and the table, which holds earlier runs' answers too."""

    tally: Tally
    path: Path
    n_outcomes: int
    n_graded: int

    def outcomes(self) -> list[Outcome]:
        """Return the outcomes as the table has them."""
        import pyarrow.parquet as pq  # spares runs that only write

        return [Outcome(**row) for row in pq.read_table(self.path).to_pylist()]


def label(
    tasks: Sequence[Task],
    catalogue: Catalogue,
    out_dir: Path | str,
    *,
    plan: Plan | None = None,
    grading: Grading | None = None,
    ask_models: bool = True,
    asker: Asker = send,
    told: Told | None = None,
) -> Labelled:
    """Ask every model every task, grade, and write `tasks.jsonl` and the outcomes into `out_dir`.

    `out_dir/journal.jsonl` keeps the raw answers; cells found there are not asked again. Outcomes are in
    `outcomes.parquet`; more than ROWS_PER_PART are in the folder `outcomes`, in parts. With `ask_models=False` the
    journal is graded as it is. Ctrl-C ends a run early: calls under way are waited for; a second Ctrl-C leaves them.

    Raises:
        DataError: if the folder cannot be written, another run writes it, or it holds answers to other prompts.
    """
    folder = Path(out_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_tasks(tasks, folder / TASKS)
    except OSError as error:
        raise DataError(f"{folder} cannot be written ({error.strerror}); name another folder") from error
    tally = Tally()
    if ask_models:
        asyncio.run(_ask(tasks, catalogue, folder / JOURNAL, plan or Plan(), asker, tally, told))
    return _graded(tasks, catalogue, folder, grading or Grading(), tally)


async def _ask(
    tasks: Sequence[Task],
    catalogue: Catalogue,
    path: Path,
    plan: Plan,
    asker: Asker,
    tally: Tally,
    told: Told | None,
) -> None:
    task = asyncio.ensure_future(ask(tasks, catalogue, path, plan, asker=asker, tally=tally, told=told))
    with _interruptible(task, tally), suppress(asyncio.CancelledError):
        await task
    tally.in_doubt = len(Journal.read(path).doubts)


@contextmanager
def _interruptible(running: asyncio.Future[None], tally: Tally) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the run: the first begins no further call, the second waits for none."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        if tally.stopped == INTERRUPTED:
            running.cancel()
        tally.stop(INTERRUPTED)

    signals = (signal.SIGINT, signal.SIGTERM)
    with suppress(NotImplementedError, RuntimeError, ValueError):  # another thread's loop, or Windows
        for one in signals:
            loop.add_signal_handler(one, end)
    try:
        yield
    finally:
        with suppress(NotImplementedError, RuntimeError, ValueError):
            for one in signals:
                loop.remove_signal_handler(one)


def _graded(
    tasks: Sequence[Task], catalogue: Catalogue, folder: Path, grading: Grading, tally: Tally
) -> Labelled:
    count = [0]

    def counted() -> Iterator[Outcome]:
        for outcome in graded(tasks, catalogue, folder / JOURNAL, grading):
            count[0] += outcome.quality is not None
            yield outcome

    if len(tasks) * len(catalogue) > ROWS_PER_PART:
        return Labelled(tally, folder / PARTS, write_parts(counted(), folder / PARTS), count[0])
    n = write_outcomes(counted(), folder / OUTCOMES)
    return Labelled(tally, folder / OUTCOMES, n, count[0])


def write_tasks(tasks: Iterable[Task], path: Path) -> None:
    """Write tasks as JSONL, whole or not at all."""
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as out:
        for task in tasks:
            row: dict[str, Any] = {name: getattr(task, name) for name in _FIELDS}
            kept = {name: value for name, value in row.items() if name in _ALWAYS or value is not None}
            out.write(json.dumps(kept, ensure_ascii=False) + "\n")
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)


def read_tasks(path: Path | str) -> list[Task]:
    """Read tasks of a file that must be whole, such as `write_tasks` writes.

    Raises:
        DataError: if the file cannot be read or a row is no task.
    """
    found = read_task_file(path)
    if found.rejected:
        first = found.rejected[0]
        raise DataError(f"{first.place}: no task ({first.reason}); mend that row")
    return found.tasks
