"""Switch to another model when one fails; a rejected answer is no failure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.moves import NOTHING_FITS, Accept, Ask, GiveUp, Move, Situation


@dataclass(frozen=True)
class Strategy:
    """Let `inner` decide as if the models that failed did not exist; without it, go in catalogue order."""

    inner: Callable[[Situation], Move] | None = None

    def __call__(self, situation: Situation, /) -> Move:
        if self.inner is not None:
            move = self.inner(situation.without_failures())
            if not isinstance(move, GiveUp):
                return move
        if (best := situation.best()) is not None:
            return Accept(best)
        if left := situation.open():
            return Ask((left[0].model,), check=False)
        return GiveUp(situation.failures() or NOTHING_FITS)
