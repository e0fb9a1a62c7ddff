"""What asking the open cells is expected to cost, by model, before anything is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from router_training.contract import Catalogue, Task
from router_training.labels.asking import Plan
from router_training.labels.budget import LONGEST_ANSWER, usd_at_most, usd_expected
from router_training.labels.calls import messages
from router_training.labels.journal import ANSWERED, FAILED, Journal


@dataclass(frozen=True, slots=True)
class Line:
    """One model's share: cells to ask, USD expected (answers of the usual length) and at most."""

    model: str
    cells: int
    usd: float
    usd_at_most: float


@dataclass(frozen=True)
class Bill:
    """What is open, and what is spent already: `usd` and `calls` of earlier runs into the folder."""

    lines: tuple[Line, ...]
    usd_spent: float
    calls_spent: int
    answered: int

    @property
    def cells(self) -> int:
        """Cells to ask."""
        return sum(line.cells for line in self.lines)

    @property
    def usd(self) -> float:
        """USD expected."""
        return sum(line.usd for line in self.lines)

    @property
    def usd_at_most(self) -> float:
        """USD at most, where endpoints keep to `max_tokens`."""
        return sum(line.usd_at_most for line in self.lines)


def expected_bill(tasks: Sequence[Task], catalogue: Catalogue, path: Path, plan: Plan) -> Bill:
    """Return what asking costs by the catalogue's prices; answers are reckoned with the usual length."""
    journal = Journal.read(path)
    lines, answered = [], 0
    for card in catalogue.values():
        n, usd, most = 0, 0.0, 0.0
        for task in tasks:
            state = journal.state(task.task_id, card.name)
            answered += state == ANSWERED
            wanted = plan.wanted is None or plan.wanted(task.task_id, card.name)
            if wanted and (state is None or (state == FAILED and plan.retry_errors)):
                n += 1
                usd += usd_expected(card, task)
                texts = [str(message["content"]) for message in messages(card, task)]
                most += usd_at_most(card, texts, card.max_tokens or LONGEST_ANSWER)
        lines.append(Line(card.name, n, usd, most))
    return Bill(tuple(lines), journal.usd, journal.calls, answered)
