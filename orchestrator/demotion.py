"""A router that no longer beats the best constant steps back by itself, and comes back when it does.

What is measured: the mean worth of the policy's own choices less that of the constant, over the latest requests. Forecasts
are taken at what the latest answers make of them: the mean residual (verified worth less forecast worth) of the last ANSWERS
of a model where the policy chose it, and of the constant wherever it was asked, shrunk toward 0 as if `prior` answers had
confirmed the forecast: as many as the tasks on which training did, held out, and PRIOR at least. Explored requests keep residuals fresh, also while
the constant serves; with exploration off, a router that was demoted stays so until another one serves.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import Counter, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from orchestrator.moves import Accept, Ask, Check, Move, Situation
from router_training.contract import Attempt, Forecast, RequestRecord

logger = logging.getLogger(__name__)

WINDOW = 1000
ANSWERS = 200
PRIOR = 200
FEWEST = 50
SPREAD = 0.45
Z = 1.645
RECOVERY_SHARE = 0.1
EVERY = 20  # requests between two looks, each of which reads the window


@dataclass(frozen=True, slots=True)
class Measured:
    """The benefit per request in units of worth (see `Situation.utility`), with its lower and upper bound, each passed 1 time in 20."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: what the policy would choose, what its and the constant's forecasts are worth, and what was learnt."""

    choice: str
    gain: float
    asked: str | None
    residual: float


class Demotion:
    """Measures the benefit of routing, and says when the constant serves instead; tell it of each request.

    Args:
        constant: the model that serves instead.
        usd_scale: USD that weigh as much as certain success at dial 0.5.
        window: how many of the latest requests count.
        prior: how many answers of each model the forecasts are worth before any is seen.
    """

    def __init__(self, constant: str, usd_scale: float, window: int = WINDOW, prior: int = PRIOR) -> None:
        self.constant, self._scale, self._prior = constant, usd_scale, prior
        self._seen: deque[Seen] = deque(maxlen=window)
        self._residuals: dict[str, deque[float]] = {}
        self._lock, self._heard = threading.Lock(), 0
        self.is_on = False
        self.measured = Measured(0.0, 0.0, 0.0, 0)

    def __call__(self, record: RequestRecord) -> None:
        """Take a finished request into account."""
        seen = self._read(record)
        if seen is None:
            return
        with self._lock:
            self._seen.append(seen)
            if seen.asked is not None and seen.asked in (seen.choice, self.constant):
                self._residuals.setdefault(seen.asked, deque(maxlen=ANSWERS)).append(seen.residual)
            self._heard += 1
            if self._heard % EVERY:
                return
            self.measured = measured(self._seen, self._residuals, self.constant, self._prior)
            was, self.is_on = self.is_on, self.measured.n >= FEWEST and self.measured.low < 0.0
        if self.is_on != was:
            logger.warning("%s", self.sentence())

    def sentence(self) -> str:
        """Return what serves and why, as logs and the page say it."""
        found = self.measured
        benefit = f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f}, {found.n} requests)"
        if self.is_on:
            return f"{self.constant} serves instead of the router, whose measured benefit is {benefit}"
        return f"the router serves; its measured benefit over {self.constant} is {benefit}"

    def instead(self, move: Move, situation: Situation) -> Move:
        """Return the move, or while demoted what the constant's move is: ask it first, and take its answer."""
        if not self.is_on:
            return move
        if (best := situation.best()) is not None and isinstance(move, Ask | Check):
            return Accept(best)
        if not isinstance(move, Ask) or situation.attempts:
            return move
        is_open = any(one.model == self.constant for one in situation.open())
        return replace(move, models=(self.constant,), hedge=(), after_s=0.0) if is_open else move

    def _read(self, record: RequestRecord) -> Seen | None:
        """Return what a request tells; None where the constant could not be asked."""
        decision = record.decision
        able = {one.model: one for one in decision.forecasts if one.model not in decision.barred}
        if self.constant not in able or not decision.model:
            return None
        worth = {name: self._worth(one, decision.dial) for name, one in able.items()}
        choice = min(able.values(), key=lambda one: (-worth[one.model], one.usd, one.model)).model
        first = next((one for one in record.attempts if one.model == decision.model), None)
        gain = worth[choice] - worth[self.constant]
        if first is None or first.model not in able or not _is_verified(first):
            return Seen(choice, gain, None, 0.0)
        came_to = decision.dial * (first.confidence or 0.0) - self._price(first.usd, decision.dial)
        return Seen(choice, gain, first.model, came_to - worth[first.model])

    def _worth(self, forecast: Forecast, dial: float) -> float:
        return dial * forecast.p_success - self._price(forecast.usd, dial)

    def _price(self, usd: float, dial: float) -> float:
        return (1.0 - dial) * usd / self._scale


def measured(
    seen: Collection[Seen], residuals: Mapping[str, Collection[float]], constant: str, prior: int = PRIOR
) -> Measured:
    """Return the benefit of the policy's choices over the constant, with the bounds that residuals allow."""
    n, chosen = len(seen), Counter(one.choice for one in seen)
    chosen.pop(constant, None)  # where the policy chooses the constant, nothing is gained or lost
    weights = {model: count / n for model, count in chosen.items()}
    weights[constant] = -sum(weights.values())
    value, variance = sum(one.gain for one in seen) / n, 0.0
    for model, weight in weights.items():
        known = residuals.get(model, ())
        size = len(known) + prior
        mean = sum(known) / size
        spread = (sum((one - mean) ** 2 for one in known) + prior * SPREAD**2) / size
        value += weight * mean
        variance += weight**2 * spread / size
    half = Z * math.sqrt(variance)
    return Measured(value, value - half, value + half, n)


def _is_verified(attempt: Attempt) -> bool:
    return (
        attempt.text is not None
        and attempt.confidence is not None
        and any(one.p_correct is not None for one in attempt.evidence)
    )
