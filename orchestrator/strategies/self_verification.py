"""A second model checks the first answer before anyone sees it; if it finds it wanting, a stronger one is asked once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from orchestrator.limits import is_number
from orchestrator.moves import NOTHING_FITS, Accept, Ask, Check, GiveUp, Move, Situation
from router_training.contract import Attempt, UsageError

RECORDED = "self_verification(by_answering=True)"  # recordings hold answers, but no checks


@dataclass(frozen=True)
class Strategy:
    """Have one answer checked, accept it at a confidence of `threshold`, else ask the strongest likelier model.

    The checker is asked whether the answer is right. With `by_answering` it answers the prompt itself, and the
    first answer stands if both agree. `inner` makes the first move (default: the model of highest utility).
    """

    inner: Callable[[Situation], Move] | None = None
    threshold: float = 0.5
    by_answering: bool = False

    def __post_init__(self) -> None:
        if not (is_number(self.threshold) and 0.0 <= self.threshold <= 1.0):
            raise UsageError(f"threshold is {self.threshold!r}; a confidence lies in [0, 1], 0.5 is usual")

    def __call__(self, situation: Situation, /) -> Move:
        if not situation.attempts:
            return self._first(situation)
        if (best := situation.best()) is None:
            return GiveUp(situation.failures())
        if self.by_answering:
            return _compare(situation, best)
        tried = [attempt for attempt in situation.attempts if not attempt.cancelled]
        checked = any(one.model is not None for one in best.evidence)
        if len(tried) == 1 and not checked:
            checker = situation.preferred(situation.checkers(best))
            if checker is not None:
                return Check(best, checker.model)
        if len(tried) > 1 or (best.confidence or 0.0) >= self.threshold:
            return Accept(best)
        return _strongest(situation, best)

    def _first(self, situation: Situation) -> Move:
        if self.inner is not None:
            move = self.inner(situation)
            return replace(move, check=True) if isinstance(move, Ask) else move
        choice = situation.preferred(situation.open())
        return Ask((choice.model,)) if choice is not None else GiveUp(NOTHING_FITS)


def _compare(situation: Situation, best: Attempt) -> Move:
    groups = [situation.agreeing(attempt) for attempt in situation.answered()]
    largest = max(groups, key=len)
    if len(largest) > 1:
        return Accept(max(largest, key=lambda one: one.confidence or 0.0))
    tried = [attempt for attempt in situation.attempts if not attempt.cancelled]
    if len(tried) == 1:
        second = situation.preferred(situation.open())
        return Accept(best) if second is None else Ask((second.model,))
    if len(tried) == 2:
        return _strongest(situation, best)
    return Accept(best)


def _strongest(situation: Situation, best: Attempt) -> Move:
    better = [f for f in situation.open() if f.p_success > (best.confidence or 0.0)]
    strongest = min(better, key=lambda f: (-f.p_success, f.usd, f.model), default=None)
    return Accept(best) if strongest is None else Ask((strongest.model,))
