"""What `pointsman label` shows: what was read, the expected bill, how far it is, and what came of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from router_training.labels.asking import USED_UP

if TYPE_CHECKING:
    from router_training.contract import Catalogue, Task
    from router_training.labelling import Labelled
    from router_training.labels.asking import Plan, Tally, Told
    from router_training.labels.task_files import TaskFile

_SHOWN_ERRORS = 5


def checked_grader(name: str | None) -> str | None:
    """Return the name of a grader that exists, before anything is spent.

    Raises:
        UsageError: if there is none of that name.
    """
    if name is not None:
        from router_training import graders

        graders.load(name)
    return name


def print_tasks(console: Console, found: TaskFile, path: Path, rejected: Path) -> None:
    """Print what was read from a task file, and what was left out."""
    taken = ", ".join(f"{column} as {name}" for name, column in found.columns.items() if name != column)
    unused = f"not used: {', '.join(found.unused)}" if found.unused else ""
    said = "; ".join(filter(None, (taken, unused)))
    console.print(
        f"{len(found.tasks):,} tasks in {path}{f' ({said})' if said else ''}", soft_wrap=True, markup=False
    )
    if found.rejected:
        first = found.rejected[0]
        console.print(
            f"{len(found.rejected):,} rows were left out and are listed in {rejected}; the first: {first.place}: "
            f"{first.reason}",
            style="yellow",
            soft_wrap=True,
            markup=False,
        )
    ungraded = [task for task in found.tasks if task.grader is None]
    if ungraded:
        console.print(
            f"{len(ungraded):,} tasks name no grader, so their answers get no quality; {_remedy(ungraded)}",
            style="yellow",
            soft_wrap=True,
            markup=False,
        )


def _remedy(tasks: Sequence[Task]) -> str:
    """Return what to say next: the right answers decide which grader is likely, without any there is none."""
    references = [task.reference for task in tasks if task.reference is not None]
    if not references:
        return "no column holds the right answer: say --column NAME=reference, or have a model grade (pointsman judge)"
    numbers = all(re.fullmatch(r"\s*-?[\d,]*\.?\d+\s*", one) for one in references)
    name = "numeric" if numbers else "exact_normalised"
    return f"by their references --grader {name} may fit, now or after the run (pointsman grade lists all)"


def print_bill(
    console: Console,
    tasks: Sequence[Task],
    catalogue: Catalogue,
    journal: Path,
    plan: Plan,
    *,
    in_full: bool,
) -> None:
    """Print what asking is expected to cost by the catalogue's prices: in one line, or in full."""
    from router_training.labels.bill import expected_bill

    bill = expected_bill(tasks, catalogue, journal, plan)
    if in_full:
        table = Table("model", title="The expected bill")
        for name in ("calls", "USD expected", "USD at most"):
            table.add_column(name, justify="right")
        for line in bill.lines:
            table.add_row(line.model, f"{line.cells:,}", f"{line.usd:.4f}", f"{line.usd_at_most:.4f}")
        table.add_row("all", f"{bill.cells:,}", f"{bill.usd:.4f}", f"{bill.usd_at_most:.4f}")
        console.print(table)
        console.print(
            "Expected: four bytes a token, answers of 256 tokens or the card's max_tokens. At most: a token per byte, "
            "answers of max_tokens.",
            style="dim",
        )
    spent = (
        f"; ${bill.usd_spent:.4f} were spent in {bill.calls_spent:,} calls before" if bill.calls_spent else ""
    )
    limits = _limits(plan)
    console.print(
        f"{bill.cells:,} calls to make, about ${bill.usd:.4f}, ${bill.usd_at_most:.4f} at most{spent}{limits}.",
        soft_wrap=True,
    )


def _limits(plan: Plan) -> str:
    limits = plan.limits
    parts = [] if limits.usd is None else [f"${limits.usd:g}"]
    parts += [] if limits.calls is None else [f"{limits.calls:,} calls"]
    return f"; the budget is {' and '.join(parts)}" if parts else ""


@contextmanager
def label_progress() -> Iterator[Told]:
    """Show spend, rate, time left and failures on the error stream."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("asking"),
        BarColumn(20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        row = bar.add_task("asking", total=None, state="")

        def told(tally: Tally) -> None:
            bar.update(row, completed=tally.done, total=tally.total, state=state_line(tally))

        yield told


def state_line(tally: Tally) -> str:
    """Return spend, rate, time left and failures in one line."""
    left = tally.left_s
    parts = [f"${tally.usd:.4f}", f"{tally.per_second:.1f}/s"]
    parts += [] if left is None else [f"{left / 60:.0f} min left" if left >= 90 else f"{left:.0f} s left"]
    parts += [f"{tally.failed:,} failed"] if tally.failed else []
    parts += ["ending; Ctrl-C again leaves calls under way"] if tally.stopped else []
    return ", ".join(parts)


def print_summary(console: Console, done: Labelled, *, regrade: bool) -> None:
    """Print what a run came to, and what to do about what is missing."""
    tally = done.tally
    if not regrade:
        ended = f" (ended early: {tally.stopped})" if tally.stopped else ""
        console.print(
            f"{tally.asked:,} cells asked, {tally.failed:,} of them failed; ${tally.usd:.4f} spent in {tally.calls:,} "
            f"calls, earlier runs included{ended}.",
            soft_wrap=True,
        )
    for error, n in tally.errors.most_common(_SHOWN_ERRORS):
        console.print(f"  {n:,} x {error}", markup=False, style="yellow", soft_wrap=True)
    for model, reason in tally.given_up.items():
        console.print(
            f"{model} failed too often in a row and was not asked further ({reason})",
            markup=False,
            style="yellow",
        )
    if tally.in_doubt:
        console.print(
            f"{tally.in_doubt:,} calls are in doubt: sent, and no answer on record. They count as spent.",
            style="yellow",
        )
    if tally.stopped:
        raised = " with a larger budget" if tally.stopped == USED_UP else ""
        console.print(f"Run the same command again{raised} to continue.")
    elif tally.failed:
        console.print("Run it again with --retry-errors to fill what failed.")
    console.print(f"{done.n_outcomes:,} outcomes, {done.n_graded:,} graded, in {done.path}", soft_wrap=True)
