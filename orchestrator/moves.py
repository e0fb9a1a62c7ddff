"""The vocabulary of routing: what has happened so far (Situation) and what to do next (Move).

A strategy is a pure function `Situation -> Move`. Its laws, tested on every file in strategies/:
it never asks a model twice; stops within n + 1 moves for n models; accepts only an attempt that answered;
asks only what fits the limits; gives up only after a failure, or when the limits allow no call at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from router_training.contract import Attempt, Forecast, Task, UsageError


@dataclass(frozen=True, slots=True)
class Limits:
    """What the caller allows: `dial` in [0, 1] from cost to quality, USD and seconds for the whole request."""

    dial: float = 0.8
    max_usd: float | None = None
    deadline_s: float | None = None

    def __post_init__(self) -> None:
        if not (is_number(self.dial) and 0.0 <= self.dial <= 1.0):
            raise UsageError(
                f"dial is {self.dial!r}; it must lie in [0, 1]: 0 is cheapest, 1 is best, 0.8 is usual"
            )
        for name, limit in (("max_usd", self.max_usd), ("deadline_s", self.deadline_s)):
            if limit is not None and not (is_number(limit) and limit >= 0.0):
                raise UsageError(f"{name} is {limit!r}; it must be 0 or more, or None for no limit")


def is_number(value: object) -> bool:
    """Tell whether this is an int or a float; True and False are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Situation:
    """All a strategy may look at.

    `elapsed_s` is the time this request has taken so far; `usd_scale` is the amount that weighs as much as
    a certain success when the dial is at one half (None: the dearest forecast).
    """

    task: Task
    forecasts: tuple[Forecast, ...]
    attempts: tuple[Attempt, ...] = ()
    limits: Limits = field(default_factory=Limits)
    elapsed_s: float = 0.0
    usd_scale: float | None = None

    def answered(self) -> tuple[Attempt, ...]:
        """Return the attempts that have an answer, in the order they were made."""
        return tuple(attempt for attempt in self.attempts if attempt.text is not None)

    def best(self) -> Attempt | None:
        """Return the answer of highest confidence, the earliest among equals; None without an answer."""
        return max(self.answered(), key=lambda attempt: attempt.confidence or 0.0, default=None)

    def failures(self) -> str:
        """Return one line that says which models failed and why; empty if none did."""
        return "; ".join(f"{a.model} failed: {a.error}" for a in self.attempts if a.text is None)

    def open(self) -> tuple[Forecast, ...]:
        """Return the forecasts of models not asked yet whose call fits what is left, in catalogue order."""
        asked = {attempt.model for attempt in self.attempts}
        return tuple(
            forecast for forecast in self.forecasts if forecast.model not in asked and self.fits([forecast])
        )

    def fits(self, calls: Iterable[Forecast]) -> bool:
        """Tell whether these calls, made at once, are forecast to stay within budget and deadline.

        A latency that nobody knows (NaN) is not forecast to break a deadline that has not passed yet.
        """
        calls = tuple(calls)
        spent_usd = sum(attempt.usd for attempt in self.attempts)
        usd = spent_usd + sum(call.usd for call in calls)
        waits = [call.latency_s for call in calls if not math.isnan(call.latency_s)]
        latency_s = self.elapsed_s + max(waits, default=0.0)
        max_usd, deadline_s = self.limits.max_usd, self.limits.deadline_s
        return (max_usd is None or usd <= max_usd) and (deadline_s is None or latency_s <= deadline_s)

    def utility(self, forecast: Forecast) -> float:
        """Return dial * p_success - (1 - dial) * usd / usd_scale."""
        scale = self.usd_scale or max((other.usd for other in self.forecasts), default=0.0) or 1.0
        dial = self.limits.dial
        return dial * forecast.p_success - (1.0 - dial) * forecast.usd / scale

    def preferred(self, forecasts: Iterable[Forecast]) -> Forecast | None:
        """Return the forecast of highest utility; ties go to the cheaper model, then to the name."""
        return min(forecasts, key=lambda f: (-self.utility(f), f.usd, f.model), default=None)

    def without_failures(self) -> Situation:
        """Return the same situation as if the models that failed did not exist; what they cost stays spent."""
        failed = {attempt.model: attempt.usd for attempt in self.attempts if attempt.text is None}
        if not failed:
            return self
        left = None if self.limits.max_usd is None else self.limits.max_usd - sum(failed.values())
        overspent = left is not None and left < 0.0
        return replace(
            self,
            forecasts=() if overspent else tuple(f for f in self.forecasts if f.model not in failed),
            attempts=self.answered(),
            limits=replace(self.limits, max_usd=0.0 if overspent else left),
        )


@dataclass(frozen=True, slots=True)
class Ask:
    """Call these models, all at once.

    `check` says that the verifier's confidence decides what comes next; without it the answer may reach the
    caller while it is being written (it is verified all the same, for the record).
    """

    models: tuple[str, ...]
    check: bool = True


@dataclass(frozen=True, slots=True)
class Accept:
    """Return this attempt to the caller."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The strategy has no further move; the fallback node takes over. `reason` is one line."""

    reason: str


Move = Ask | Accept | GiveUp
NOTHING_FITS = "no model that has not been asked fits the budget and the deadline"
