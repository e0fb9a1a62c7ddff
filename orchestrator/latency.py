"""How long a model's calls take lately, compared with what the policy expected."""

from __future__ import annotations

import math
import threading
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
        self._calls: deque[tuple[float, float, float]] = deque(maxlen=CALLS)

    def add(self, latency_s: float, expected_s: float) -> None:
        """Remember a call of `latency_s` for which the policy expected `expected_s` (NaN or 0: unknown)."""
        with self._lock:
            self._calls.append((self._clock(), latency_s, expected_s))

    def adjusted(self, forecast: Forecast) -> Forecast:
        """Return the policy's forecast drawn toward what calls have taken: n of them weigh n / (n + PRIOR_CALLS).

        Where the policy knows the latency of this prompt, it is multiplied by rolling quantiles (50% and 95%) of
        actual / expected; else the quantiles of the seconds stand alone.
        """
        calls = self._recent()
        if not calls:
            return forecast
        expected_s, bound_s = forecast.latency_s, forecast.latency_bound_s
        ratios = [latency_s / expected for _, latency_s, expected in calls if expected > 0.0]
        if not ratios or not expected_s > 0.0:
            live_s, live_high_s = _quantiles([latency_s for _, latency_s, _ in calls])
            return replace(forecast, latency_s=live_s, latency_high_s=live_high_s)
        usual, high = _quantiles(ratios)
        weight = len(ratios) / (len(ratios) + PRIOR_CALLS)
        latency_s = (1 - weight) * expected_s + weight * expected_s * usual
        high_s = (1 - weight) * bound_s + weight * expected_s * high
        return replace(forecast, latency_s=latency_s, latency_high_s=max(latency_s, high_s))

    def _recent(self) -> list[tuple[float, float, float]]:
        with self._lock:
            oldest = self._clock() - MAX_AGE_S
            while self._calls and self._calls[0][0] < oldest:
                self._calls.popleft()
            return list(self._calls)


def _quantiles(values: list[float]) -> list[float]:
    """Return the smallest values that at least 50% and 95% of the values do not exceed."""
    ordered = sorted(values)
    return [ordered[max(0, math.ceil(share * len(ordered)) - 1)] for share in (0.5, 0.95)]
