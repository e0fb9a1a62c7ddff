"""Start where the dial says; climb while the verifier doubts the answer and a better one is worth its price."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from orchestrator.limits import is_number
from orchestrator.moves import NOTHING_FITS, Accept, Ask, GiveUp, Move, Situation
from router_training.contract import UsageError


@dataclass(frozen=True)
class Strategy:
    """Accept an answer of confidence `threshold` or more, else escalate if that is worth its price.

    A further model is asked only if dial * (p_success - confidence in hand) exceeds what its price weighs, so
    never one whose forecast is no better than the answer in hand. After `steps` models the strongest is next.
    With a threshold of None that comparison alone decides, from what was learned of models and answers. Without
    any answer, failures are left to a fallback. `inner` makes the first move (default: the model of highest
    utility).
    """

    inner: Callable[[Situation], Move] | None = None
    threshold: float | None = 0.7
    steps: int = 2

    def __post_init__(self) -> None:
        threshold = 1.0 if self.threshold is None else self.threshold
        if not (is_number(threshold) and 0.0 <= threshold <= 1.0):
            raise UsageError(f"threshold is {self.threshold!r}; a confidence lies in [0, 1], 0.7 is usual")
        if not (isinstance(self.steps, int) and self.steps >= 1):
            raise UsageError(
                f"steps is {self.steps!r}; a cascade takes at least 1 step before the strongest model, 2 is usual"
            )

    def __call__(self, situation: Situation, /) -> Move:
        if not situation.attempts:
            return self._first(situation)
        if (best := situation.best()) is None:
            return GiveUp(situation.failures())
        confidence = best.confidence or 0.0
        if self.threshold is not None and confidence >= self.threshold:
            return Accept(best)
        in_hand = situation.limits.dial * confidence
        better = [f for f in situation.open() if f.p_success > confidence and situation.utility(f) > in_hand]
        if not better:
            return Accept(best)
        if len(situation.attempts) >= self.steps:
            better = [min(better, key=lambda f: (-f.p_success, f.usd, f.model))]
        choice = situation.preferred(better) or better[0]
        return Ask((choice.model,))

    def _first(self, situation: Situation) -> Move:
        if self.inner is not None:
            move = self.inner(situation)
            return replace(move, check=True) if isinstance(move, Ask) else move
        choice = situation.preferred(situation.open())
        return Ask((choice.model,)) if choice is not None else GiveUp(NOTHING_FITS)
