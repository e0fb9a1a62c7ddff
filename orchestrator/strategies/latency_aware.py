"""The likeliest answer that is in time, and a second model when the first is late."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.limits import is_number
from orchestrator.moves import NOTHING_FITS, Accept, Ask, GiveUp, Move, Situation
from router_training.contract import Forecast, UsageError

LATE = 2.0  # times the expected seconds, where no quantile of them is known


@dataclass(frozen=True)
class Strategy:
    """Ask the model likeliest to succeed of those forecast to answer in time; the fastest where none is.

    With `hedge` a stand-in is called when the first model is late, if it can then still be in time: the first
    answer counts and the other call is cancelled. `deadline_s` holds for requests that set none.
    """

    hedge: bool = True
    deadline_s: float | None = None

    def __post_init__(self) -> None:
        if not (self.deadline_s is None or (is_number(self.deadline_s) and self.deadline_s >= 0.0)):
            raise UsageError(f"deadline_s is {self.deadline_s!r}; it must be 0 or more, or None for no limit")

    def __call__(self, situation: Situation, /) -> Move:
        if (best := situation.best()) is not None:
            return Accept(best)
        if situation.attempts:
            return GiveUp(situation.failures())
        left = situation.open()
        if not left:
            return GiveUp(NOTHING_FITS)
        left_s = self._left_s(situation)
        in_time = [forecast for forecast in left if not forecast.latency_bound_s > left_s]
        choice = _likeliest(in_time) if in_time else min(left, key=lambda f: (f.latency_bound_s, f.model))
        others = [f for f in left if f.model != choice.model and situation.fits((choice, f))]
        late_s = choice.latency_high_s or LATE * choice.latency_s
        rescuers = [f for f in others if min(late_s, left_s - f.latency_bound_s) > choice.latency_s]
        if not (self.hedge and rescuers):
            return Ask((choice.model,), check=False)
        second = _likeliest(rescuers)
        after_s = min(late_s, left_s - second.latency_bound_s)
        return Ask((choice.model,), check=False, hedge=(second.model,), after_s=after_s)

    def _left_s(self, situation: Situation) -> float:
        set_by_request = situation.limits.deadline_s
        deadline_s = self.deadline_s if set_by_request is None else set_by_request
        return math.inf if deadline_s is None else deadline_s - situation.elapsed_s


def _likeliest(forecasts: Sequence[Forecast]) -> Forecast:
    return min(forecasts, key=lambda f: (-f.p_success, f.usd, f.model))
