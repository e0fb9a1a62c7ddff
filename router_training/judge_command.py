"""`pointsman judge`: answers of a table graded by a model, with its noise; or two models compared in both orders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from router_training.contract import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from router_training.contract import ModelCard, Outcome, Task
    from router_training.labels.asking import Plan
    from router_training.labels.judging import Agreement, Noise


def judge(
    table: Annotated[Path, typer.Argument(help="Outcomes with responses, as pointsman label writes them.")],
    models: Annotated[Path, typer.Option("--models", help="Model cards, the judge's among them.")],
    card: Annotated[str, typer.Option("--judge", help="The card that judges.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the judge's journal and the graded table.")],
    rubric: Annotated[str | None, typer.Option("--rubric", help="What earns how many of ten points.")] = None,
    repeat: Annotated[
        int, typer.Option("--repeat", min=1, help="Grade each answer so often, to know the noise.")
    ] = 1,
    pair: Annotated[
        tuple[str, str] | None,
        typer.Option("--pair", help="Compare these two models' answers, in both orders."),
    ] = None,
    budget_usd: Annotated[float | None, typer.Option("--budget-usd", min=0, help="Never spend more.")] = None,
    budget_calls: Annotated[
        int | None, typer.Option("--budget-calls", min=0, help="Never ask more often.")
    ] = None,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, help="Calls at once.")] = 8,
) -> None:
    """Have a model grade a table's answers by a rubric, or compare two models; resumable, under a budget.

    Example: pointsman judge runs/mine/outcomes.parquet --models models.toml --judge large --repeat 3 --out runs/judged
    """
    from router_training.catalogue import load_catalogue
    from router_training.labels.asking import Plan
    from router_training.labels.budget import Limits
    from router_training.labels.judging import (
        NO_GRADE,
        NO_REPLY,
        REPEATED_AT,
        RUBRIC,
        agreement,
        rubric_tasks,
        with_grades,
    )
    from router_training.labels.regrading import read_outcomes
    from router_training.tables.outcome_parts import write_outcomes

    catalogue = load_catalogue(models)
    if card not in catalogue:
        raise UsageError(f"{models} has no card {card!r} to judge with; name one of {', '.join(catalogue)}")
    console, rows = Console(), read_outcomes(table)
    plan = Plan(concurrency, Limits(budget_usd, budget_calls))
    if pair is not None:
        _print_duel(console, rows, pair, catalogue[card], out, plan)
        return
    judge_card = catalogue[card]
    if repeat > 1 and judge_card.temperature == 0.0:
        judge_card = replace(judge_card, temperature=REPEATED_AT)
        console.print(
            f"{card} is asked at temperature {REPEATED_AT:g}: at 0 it would repeat itself.", soft_wrap=True
        )
    tasks = rubric_tasks(rows, rubric or RUBRIC, repeat)
    graded, noise = with_grades(rows, _said(console, tasks, judge_card, out, plan), repeat)
    n = write_outcomes(graded, out / "judged.parquet")
    unread, unasked = (sum(row.error == reason for row in graded) for reason in (NO_GRADE, NO_REPLY))
    console.print(
        f"{n:,} outcomes in {out / 'judged.parquet'}, graded by {card} (label_source judge); {unread:,} answers got no "
        f"grade that can be read, {unasked:,} no reply.",
        soft_wrap=True,
    )
    _print_trust(console, noise, agreement(rows, graded))


def _print_duel(
    console: Console, rows: Sequence[Outcome], pair: tuple[str, str], card: ModelCard, out: Path, plan: Plan
) -> None:
    """Have two models' answers compared in both orders, and say who wins and how far the order decides."""
    from router_training.labels.judging import duel, pair_tasks

    by_cell = {(row.task_id, row.model): row for row in rows if row.response is not None}
    pairs = [
        (row, by_cell[row.task_id, pair[1]])
        for row in by_cell.values()
        if row.model == pair[0] and (row.task_id, pair[1]) in by_cell
    ]
    found = duel(pairs, _said(console, pair_tasks(pairs), card, out, plan))
    if not found.pairs:
        raise DataError(f"{card.name} gave no verdict that can be read on any pair; choose another judge")
    console.print(
        f"{found.pairs:,} of {len(pairs):,} pairs judged in both orders: {pair[0]} better in {found.first:.0%}, {pair[1]} in "
        f"{found.second:.0%}, tied {found.tied:.0%}; in {found.by_position:.0%} the verdict followed the order.",
        soft_wrap=True,
    )
    if found.by_position >= 0.5:
        console.print("It mostly judges by the order; it cannot compare these answers.", style="yellow")


def _print_trust(console: Console, noise: Noise, agreed: Agreement | None) -> None:
    """Say how far the judge contradicts itself, and how far those who graded before."""
    if noise.answers:
        console.print(
            f"Asked again, the judge differs from itself on {noise.differ:.0%} of {noise.answers:,} answers, by a "
            f"standard deviation of {noise.spread:.3f} on average.",
            soft_wrap=True,
        )
    if agreed is None:
        return
    console.print(
        f"Against the grades that were there it gives {agreed.right:,} right answers {agreed.grade_of_right:.2f} on average "
        f"and {agreed.wrong:,} wrong ones {agreed.grade_of_wrong:.2f}; a right one gets the higher grade in {agreed.auc:.0%} "
        "of pairs (50% is chance).",
        soft_wrap=True,
    )
    if agreed.says_little:
        console.print(
            "It hardly tells right from wrong here; do not train on its grades.",
            style="yellow",
            soft_wrap=True,
        )


def _said(console: Console, tasks: list[Task], card: ModelCard, out: Path, plan: Plan) -> dict[str, str]:
    from router_training import labelling
    from router_training.labels.pages import label_progress, print_bill

    if not tasks:
        raise UsageError(
            "the table holds no answer to judge; name one with responses, and models that it has"
        )
    folder = out / "judge"
    print_bill(console, tasks, {card.name: card}, folder / labelling.JOURNAL, plan, in_full=False)
    with label_progress() as told:
        done = labelling.label(tasks, {card.name: card}, folder, plan=plan, told=told)
    if done.tally.stopped or done.tally.failed:
        console.print(
            f"{done.tally.failed:,} calls failed"
            f"{f'; ended early: {done.tally.stopped}; the same command continues' if done.tally.stopped else ''}",
            style="yellow",
            soft_wrap=True,
        )
    if done.tally.stopped == labelling.INTERRUPTED:
        raise typer.Exit(130)
    return {row.task_id: row.response for row in done.outcomes() if row.response is not None}
