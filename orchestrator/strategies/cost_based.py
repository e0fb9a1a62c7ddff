"""The model that is worth most at the dial: likely success weighed against price."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.moves import NOTHING_FITS, Accept, Ask, GiveUp, Move, Situation


@dataclass(frozen=True)
class Strategy:
    """Ask the model of highest utility and accept what it answers; a failure is left to a fallback."""

    def __call__(self, situation: Situation, /) -> Move:
        if (best := situation.best()) is not None:
            return Accept(best)
        if situation.attempts:
            return GiveUp(situation.failures())
        choice = situation.preferred(situation.open())
        return Ask((choice.model,), check=False) if choice is not None else GiveUp(NOTHING_FITS)
