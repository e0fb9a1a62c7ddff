"""Answers in the journal become outcomes: graded in as many processes as pay, a cell at a time in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from router_training import graders
from router_training.apart import end_with_parent
from router_training.contract import Catalogue, DataError, ModelCard, Outcome, Task, UsageError
from router_training.labels.asking import prompt_digest
from router_training.labels.journal import Journal, Row

AT_ONCE = 4_000
PAYS_FROM = 2_000  # answers; for fewer, starting processes takes longer than grading here
_KEEPS_FROM = 200

Job = tuple[Task, str, bool, bool]


@dataclass(frozen=True, slots=True)
class Grading:
    """How to grade: `workers` processes; `usd_per_hour` prices seconds as `as_if_alone` does.

    `allow_code` lets answers run, and functions that a task names; `trusted` are functions that the user named.
    """

    allow_code: bool = False
    trusted: frozenset[str] = frozenset()
    workers: int = 1
    source: str | None = None
    usd_per_hour: float | None = None


def graded(tasks: Sequence[Task], catalogue: Catalogue, path: Path, how: Grading) -> Iterator[Outcome]:
    """Yield the outcome of every task and model, by task; what was not answered or cannot be judged has no quality.

    Raises:
        DataError: if the journal holds another prompt under the id of one of these tasks.
    """
    journal = Journal.read(path)
    cards = list(catalogue.values())
    cells = ((task.task_id, card.name) for task in tasks for card in cards)
    rows = zip(((task, card) for task in tasks for card in cards), journal.rows(cells), strict=True)
    with ExitStack() as stack:
        pool = pool_of(stack, how, len(tasks) * len(cards))
        while batch := list(islice(rows, AT_ONCE)):
            made = [_outcome(task, card, row, journal, how) for (task, card), row in batch]
            jobs = [
                (task, outcome.response or "", how.allow_code, task.grader in how.trusted)
                for ((task, _), _), outcome in zip(batch, made, strict=True)
                if outcome.response is not None
            ]
            yield from _with_quality(made, qualities(jobs, pool), how)


def qualities(
    jobs: Sequence[Job], pool: ProcessPoolExecutor | None
) -> Iterator[tuple[float | None, str | None]]:
    """Return quality and reason of each (task, answer, allow_code, trusted), in order."""
    if pool is None or len(jobs) < _KEEPS_FROM:
        return map(_judged, jobs)
    return iter(list(pool.map(_judged, jobs, chunksize=50)))


def pool_of(stack: ExitStack, how: Grading, n: int) -> ProcessPoolExecutor | None:
    """Return processes that grade, where so many answers pay for starting them."""
    if how.workers < 2 or n < PAYS_FROM:
        return None
    return stack.enter_context(ProcessPoolExecutor(how.workers, get_context("spawn"), end_with_parent))


def _with_quality(
    made: Iterable[Outcome], found: Iterator[tuple[float | None, str | None]], how: Grading
) -> Iterator[Outcome]:
    for outcome in made:
        done = outcome
        if outcome.response is not None:
            quality, reason = next(found)
            done = replace(outcome, quality=quality, error=reason)
        yield done if how.usd_per_hour is None else as_if_alone(done, how.usd_per_hour)


def _judged(job: Job) -> tuple[float | None, str | None]:
    task, answer, allow_code, trusted = job
    return judged(task, answer, allow_code=allow_code, trusted=trusted)


def judged(
    task: Task, answer: str, *, allow_code: bool = False, trusted: bool = False
) -> tuple[float | None, str | None]:
    """Return the quality of an answer and None; or None and why there is none."""
    if task.grader is None:
        return None, "the task names no grader"
    if not (task.reference or "").strip() and task.grader not in graders.WITHOUT_REFERENCE:
        return None, "the task has no reference"
    if graders.runs_code(task.grader) and not (allow_code or trusted):
        return None, f"grader {task.grader} runs code, which --allow-code allows"
    grade = graders.load(task.grader)
    try:
        quality = grade(answer, task.reference or "")
    except UsageError as error:  # a function of the user's own
        return None, str(error)
    return quality, None if quality is not None else f"answer could not be graded by {task.grader}"


def as_if_alone(outcome: Outcome, usd_per_hour: float) -> Outcome:
    """Return the outcome with the seconds that its price buys on a machine of `usd_per_hour`.

    For cards whose prices are a machine's time divided by its tokens per second, one request at a time. What was
    measured while many requests shared the machine says how busy it was, not how long one request takes.
    """
    if outcome.cost_usd is None:
        return replace(outcome, latency_s=None)
    return replace(outcome, latency_s=round(outcome.cost_usd / usd_per_hour * 3600, 4))


def _outcome(task: Task, card: ModelCard, row: Row | None, journal: Journal, how: Grading) -> Outcome:
    blank = Outcome(
        task.task_id, task.prompt, card.name, None, task.task_type, task.reference, source=how.source
    )
    if row is None:
        doubted = (task.task_id, card.name) in journal.doubts
        return replace(blank, error="the run ended during this call" if doubted else "not asked")
    if row.get("prompt") not in (prompt_digest(task), task.prompt):
        raise DataError(
            f"{journal.path}: task {task.task_id!r} was asked with another prompt; label changed tasks into a new folder"
        )
    if row.get("response") is None:
        return replace(blank, error=row.get("error") or "not answered", time=row.get("time"))
    read, written = row.get("prompt_tokens"), row.get("completion_tokens")
    return replace(
        blank,
        cost_usd=None if read is None or written is None else card.usd(read, written),
        latency_s=row.get("latency_s"),
        prompt_tokens=read,
        completion_tokens=written,
        response=row["response"],
        time=row.get("time"),
    )
