"""What calls have shown of each model: whether its endpoint answers, and how long it takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from orchestrator.breaker import Breaker, BreakerState
from orchestrator.latency import LatencyWindow
from router_training.contract import Forecast


class Health:
    """A breaker and a latency window per model, shared by all requests of a process. Read it with `states`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Breaker, LatencyWindow]] = {}

    def breaker(self, model: str) -> Breaker:
        """Return the model's breaker."""
        return self._of(model)[0]

    def latency(self, model: str) -> LatencyWindow:
        """Return the model's latency window."""
        return self._of(model)[1]

    def states(self) -> dict[str, BreakerState]:
        """Return what every breaker is like now, by model."""
        return {model: breaker.state() for model, (breaker, _) in list(self._known.items())}

    def refusals(self, models: Iterable[str]) -> dict[str, str]:
        """Return which of these models may not be called now, each with the reason."""
        reasons = {model: self.breaker(model).refusal() for model in models}
        return {model: reason for model, reason in reasons.items() if reason is not None}

    def adjusted(self, forecasts: Iterable[Forecast]) -> tuple[Forecast, ...]:
        """Return the forecasts with latencies drawn toward what calls have taken lately."""
        return tuple(self.latency(forecast.model).adjusted(forecast) for forecast in forecasts)

    def _of(self, model: str) -> tuple[Breaker, LatencyWindow]:
        if (known := self._known.get(model)) is not None:
            return known
        with self._lock:
            return self._known.setdefault(model, (Breaker(self.clock), LatencyWindow(self.clock)))
