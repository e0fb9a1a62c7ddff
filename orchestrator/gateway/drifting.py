"""Drift as a gateway sees it: the figures of `pointsman status` over its own latest answers, for Prometheus."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Mapping

from orchestrator.gateway.readings import Reading
from router_training.contract import Outcome, RequestRecord
from router_training.drift import RECENT, Figure, Seen, figures
from router_training.records.feedback_rows import outcomes_of

MOST_TYPES = 1000
"""Callers name task types: of the earlier rows so many are told apart, all others counted as one."""
OTHERS = ""


class Drifting:
    """The latest answers of one router, beside what it forecast of them, in bounded memory; tell it of each request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], Seen] = {}
        self._before: Counter[str] = Counter()

    def __call__(self, record: RequestRecord) -> None:
        """Take a finished request into account."""
        known = {one.model: one for one in record.decision.forecasts}
        with self._lock:
            for one in outcomes_of(record):
                self._seen[one.task_id, one.model] = Seen.of(one, _prompt(one), known.get(one.model))
            while len(self._seen) > RECENT:
                self._forget(next(iter(self._seen)))

    def again(self, record: RequestRecord) -> None:
        """Take into account what was said of an answer since, if it is among the latest; its prompt may be left out now."""
        with self._lock:
            for one in outcomes_of(record):
                if (old := self._seen.get((one.task_id, one.model))) is not None:
                    self._seen[one.task_id, one.model] = Seen.of(one, old.prompt, old.forecast)

    def figures(self) -> tuple[Figure, ...]:
        """Return every figure, as `router_training.drift` does."""
        with self._lock:
            recent, before = list(self._seen.values()), self._before.copy()
        return figures(recent, before)

    def _forget(self, key: tuple[str, str]) -> None:
        task_type = self._seen.pop(key).task_type
        if task_type is not None:
            is_told = task_type in self._before or len(self._before) < MOST_TYPES
            self._before[task_type if is_told else OTHERS] += 1


def _prompt(one: Outcome) -> str:
    """Return what tells the prompt from others; empty where it is blank."""
    digest = hashlib.sha256(one.prompt.encode("utf-8", "surrogatepass")).hexdigest()
    return digest if one.prompt.strip() else ""


def drift_readings(figures: Callable[[], tuple[Figure, ...]]) -> tuple[Reading, ...]:
    """Return the figures as Prometheus reads them; one that too few answers tell has no value."""

    def values() -> Mapping[str, float]:
        return {one.key: one.value for one in figures() if one.value is not None}

    def thresholds() -> Mapping[str, float]:
        return {one.key: one.at_most for one in figures()}

    def answers() -> Mapping[str, float]:
        return {one.key: one.n for one in figures()}

    said = f"over the latest {RECENT} answers, as `pointsman status` shows it."
    return (
        Reading("drift", f"Drift {said}", values, "figure"),
        Reading("drift_at_most", "The threshold of each figure of drift.", thresholds, "figure"),
        Reading(
            "drift_answers", f"On how many answers each figure of drift rests, {said}", answers, "figure"
        ),
    )
