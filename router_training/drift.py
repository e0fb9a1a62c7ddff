"""Whether the world still is what the router was trained on: figures over recent traffic, each with a threshold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from router_training.calibration import expected_calibration_error
from router_training.contract import Outcome
from router_training.policy import Policy

RECENT = 500
FEWEST = 50
NOVEL = 0.95


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, what it should stay at or below, and on how many rows it rests; `value` None where too few tell."""

    name: str
    value: float | None
    at_most: float
    n: int
    meaning: str

    @property
    def is_over(self) -> bool:
        """Whether the threshold is passed."""
        return self.value is not None and self.value > self.at_most


def drift(policy: Policy, outcomes: Sequence[Outcome]) -> tuple[Figure, ...]:
    """Return every figure on the latest RECENT rows, the mix of task types against the rows before.

    Args:
        policy: who serves.
        outcomes: feedback, oldest first.
    """
    recent, before = list(outcomes[-RECENT:]), list(outcomes[:-RECENT])
    answered = [one for one in recent if one.error is None and one.model in policy.models]
    prompts = list(dict.fromkeys(one.prompt for one in answered if one.prompt.strip()))
    figures = [_failures(recent)]
    if prompts:
        forecasts, row = policy.forecast(prompts), {prompt: i for i, prompt in enumerate(prompts)}
        known = [one for one in answered if one.prompt in row]
        at = np.array([row[one.prompt] for one in known])
        place = np.array([policy.models.index(one.model) for one in known])
        figures += [
            _calibration(known, forecasts.p_success[at, place]),
            _figure(
                "novel prompts",
                float((forecasts.novelty > NOVEL).mean()),
                0.2,
                len(prompts),
                f"share farther from training than {NOVEL:.0%} of its own prompts",
            ),
            _prices(known, forecasts.usd[at, place]),
        ]
    figures.append(_mix(recent, before))
    return tuple(figures)


def _figure(name: str, value: float, at_most: float, n: int, meaning: str) -> Figure:
    return Figure(name, value if n >= FEWEST else None, at_most, n, meaning)


def _failures(recent: Sequence[Outcome]) -> Figure:
    """Return the share of failed calls of the model that fails most, among models with enough calls."""
    calls, failed = Counter(one.model for one in recent), Counter(one.model for one in recent if one.error)
    shares = {model: failed[model] / n for model, n in calls.items() if n >= 10}
    worst = max(shares, key=lambda model: shares[model], default="")
    value = shares.get(worst, 0.0)
    name = f"failures of {worst}" if value else "failures"
    return _figure(
        name, value, 0.1, len(recent), "share of calls without an answer, of the model that fails most"
    )


def _calibration(known: Sequence[Outcome], p: np.typing.NDArray[np.float64]) -> Figure:
    labelled = [i for i, one in enumerate(known) if one.quality is not None]
    quality = np.array([known[i].quality for i in labelled], dtype=np.float64)
    error = float(expected_calibration_error(p[labelled], quality)) if labelled else 0.0
    return _figure(
        "calibration error",
        error,
        0.15,
        len(labelled),
        "between forecasts and what verifiers and people said",
    )


def _prices(known: Sequence[Outcome], usd: np.typing.NDArray[np.float64]) -> Figure:
    """Return how far apart what was paid and what the cards' prices forecast are, whichever is more."""
    paid = [i for i, one in enumerate(known) if one.cost_usd is not None]
    total, forecast = sum(known[i].cost_usd or 0.0 for i in paid), float(usd[paid].sum())
    ratio = max(total / forecast, forecast / total) - 1.0 if total > 0.0 and forecast > 0.0 else 0.0
    return _figure("prices", ratio, 0.5, len(paid), "by how much what was paid and what was forecast differ")


def _mix(recent: Sequence[Outcome], before: Sequence[Outcome]) -> Figure:
    """Return the total variation distance between the task types of recent and earlier rows."""
    now, then = (Counter(one.task_type for one in rows if one.task_type) for rows in (recent, before))
    n, m = sum(now.values()), sum(then.values())
    moved = 0.0
    if n and m:
        moved = 0.5 * sum(abs(now[name] / n - then[name] / m) for name in now.keys() | then.keys())
    return _figure(
        "mix of task types", moved, 0.2, min(n, m), "share of requests whose type has changed against before"
    )
