"""How long a model's calls take lately, compared with what the policy expected."""

from __future__ import annotations

import math
import threading
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from router_training.contract import Forecast

CALLS = 100
MAX_AGE_S = 600.0
PRIOR_CALLS = 10.0
"""The policy's forecast weighs as much as this many calls."""


class LatencyWindow:
    """The last calls of one model, at most CALLS and none older than MAX_AGE_S; any thread may use it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: deque[tuple[float, float, float | None]] = deque()
        self._seconds: list[float] = []  # these two are kept in order
        self._ratios: list[float] = []

    def add(self, latency_s: float, expected_s: float) -> None:
        """Remember a call of `latency_s` for which the policy expected `expected_s` (NaN or 0: unknown)."""
        if math.isnan(latency_s):
            return
        with self._lock:
            ratio = latency_s / expected_s if expected_s > 0.0 else None
            if len(self._calls) == CALLS:
                self._forget_oldest()
            self._calls.append((self._clock(), latency_s, ratio))
            insort(self._seconds, latency_s)
            if ratio is not None:
                insort(self._ratios, ratio)

    def add_cut(self, latency_s: float, expected_s: float) -> None:
        """Remember a call that was cut after `latency_s`, unless it was not late yet: it then says nothing.

        Late is what takes longer than expected, where that is unknown longer than half of the calls.
        """
        usual_s = expected_s
        if not expected_s > 0.0:
            with self._lock:
                usual_s = _quantiles(self._seconds)[0] if self._seconds else math.inf
        if latency_s >= usual_s:
            self.add(latency_s, expected_s)

    def adjusted(self, forecast: Forecast) -> Forecast:
        """Return the policy's forecast drawn toward what calls have taken: n of them weigh n / (n + PRIOR_CALLS).

        Where the policy knows the latency of this prompt, it is multiplied by rolling quantiles (50% and 95%) of
        actual / expected; else the quantiles of the seconds stand alone.
        """
        expected_s, bound_s = forecast.latency_s, forecast.latency_bound_s
        with self._lock:
            self._forget_old()
            if not self._calls:
                return forecast
            n_ratios = len(self._ratios) if expected_s > 0.0 else 0
            usual, high = _quantiles(self._ratios if n_ratios else self._seconds)
        if not n_ratios:
            return replace(forecast, latency_s=usual, latency_high_s=high)
        weight = n_ratios / (n_ratios + PRIOR_CALLS)
        latency_s = (1 - weight) * expected_s + weight * expected_s * usual
        high_s = (1 - weight) * bound_s + weight * expected_s * high
        return replace(forecast, latency_s=latency_s, latency_high_s=max(latency_s, high_s))

    def _forget_old(self) -> None:
        oldest = self._clock() - MAX_AGE_S
        while self._calls and self._calls[0][0] < oldest:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        _, latency_s, ratio = self._calls.popleft()
        del self._seconds[bisect_left(self._seconds, latency_s)]
        if ratio is not None:
            del self._ratios[bisect_left(self._ratios, ratio)]


def _quantiles(ordered: list[float]) -> tuple[float, float]:
    """Return the smallest of the ordered values that at least 50% and 95% of them do not exceed."""
    n = len(ordered)
    return ordered[max(0, math.ceil(0.5 * n) - 1)], ordered[max(0, math.ceil(0.95 * n) - 1)]
