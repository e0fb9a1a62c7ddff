"""Answers of the traffic and the gold grades that tables know of them."""

from __future__ import annotations

from collections.abc import Sequence

from router_training.contract import GOLD, Outcome
from router_training.outcomes import OutcomeTable
from router_training.records.traces import GoldGrade, is_kept
from router_training.tables.rows import outcomes_of_table


def grades_of(heard: Sequence[Outcome], gold: Sequence[Outcome]) -> list[Outcome | None]:
    """Return for each answer the row that grades it, None where none does.

    A grade belongs to the same request, or the same prompt, and the same model; where both know what was answered, to
    the same answer. An answer whose text was not kept is told by its request alone.
    """
    known: dict[tuple[str, str], Outcome] = {}
    for one in gold:
        if one.quality is not None:
            known[one.prompt, one.model] = known[one.task_id, one.model] = one
    found = [known.get((one.task_id, one.model)) or known.get((one.prompt, one.model)) for one in heard]
    return [
        row if row is not None and _alike(one, row) else None for one, row in zip(heard, found, strict=True)
    ]


def gold_grades(heard: Sequence[Outcome], tables: Sequence[OutcomeTable]) -> list[GoldGrade]:
    """Return what tables of gold know of answers to requests, but for those that a reference graded already."""
    gold = [row for table in tables for row in outcomes_of_table(table)]
    return [
        GoldGrade(one.task_id, one.model, row.quality, row.label_source or GOLD, row.reference)
        for one, row in zip(heard, grades_of(heard, gold), strict=True)
        if row is not None and row.quality is not None and one.label_source != GOLD
    ]


def _alike(one: Outcome, other: Outcome) -> bool:
    return not (is_kept(one.response) and other.response is not None) or one.response == other.response
