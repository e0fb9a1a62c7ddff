"""A circuit breaker: an endpoint that keeps failing is left alone for a while, then tried with one call."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

FAILURES = 5
REST_S = 30.0
LONGEST_REST_S = 300.0


@dataclass(frozen=True, slots=True)
class BreakerState:
    """What a breaker is like now: "closed", "open" or "half-open"; `retry_in_s` is 0 unless it is open."""

    name: str
    failures: int
    retry_in_s: float


class Breaker:
    """Counts failures in a row; after `failures` of them it opens for `rest_s` seconds, then lets one call through.

    That probe closes it or opens it again. Any thread may use it, and an event loop too: nothing here waits.
    """

    def __init__(
        self, clock: Callable[[], float], *, failures: int = FAILURES, rest_s: float = REST_S
    ) -> None:
        self._clock, self._limit, self._rest_s = clock, failures, rest_s
        self._lock = threading.Lock()
        self._failures = 0
        self._until: float | None = None  # None: closed
        self._probe: Permit | None = None

    def state(self) -> BreakerState:
        """Return what the breaker is like now."""
        with self._lock:
            if self._until is None:
                return BreakerState("closed", self._failures, 0.0)
            left_s = self._until - self._clock()
            return BreakerState("open" if left_s > 0 else "half-open", self._failures, max(0.0, left_s))

    def refusal(self) -> str | None:
        """Return why no call may start now, in words; None if one may."""
        if self._until is None:  # closed, as nearly always
            return None
        state = self.state()
        if state.name == "open":
            return (
                f"circuit open after {state.failures} failures in a row, "
                f"try again in {math.ceil(state.retry_in_s)} s"
            )
        if state.name == "half-open" and self._probe is not None:
            return "circuit half-open: another request is trying whether it answers again"
        return None

    def begin(self) -> Permit | None:
        """Return a permit to call, which has to be ended; None while calls are refused."""
        with self._lock:
            if self._until is None:
                return Permit(self)
            if self._clock() < self._until or self._probe is not None:
                return None
            self._probe = Permit(self)
            return self._probe

    def _end(self, permit: Permit, succeeded: bool | None, rest_s: float | None) -> None:
        with self._lock:
            was_probe = permit is self._probe
            if was_probe:
                self._probe = None
            if succeeded is None or (self._until is not None and not was_probe):
                return  # nothing was learned, or the call began before the breaker opened
            if succeeded:
                self._failures, self._until = 0, None
                return
            self._failures += 1
            if was_probe or rest_s is not None or self._failures >= self._limit:
                rest_s = self._rest_s if rest_s is None else min(rest_s, LONGEST_REST_S)
                self._until = self._clock() + rest_s


class Permit:
    """Leave to make one call; ending it twice changes nothing."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker: Breaker | None = breaker

    def end(self, succeeded: bool | None = None, rest_s: float | None = None) -> None:
        """Tell how the call went, None if that says nothing of the endpoint; it may ask for `rest_s` of rest."""
        breaker, self._breaker = self._breaker, None
        if breaker is not None:
            breaker._end(self, succeeded, rest_s)
