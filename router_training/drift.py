"""Whether the world still is what the router was trained on: figures over recent traffic, each with a threshold.

`pointsman status` reckons them from what MLflow holds, by what the serving policy forecasts of it; a gateway from its own
latest answers and what it did forecast. Both are the same sums over the same rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from router_training.calibration import expected_calibration_error
from router_training.contract import HASHED, SHADOW, Forecast, Outcome
from router_training.policy import Policy

RECENT = 500
FEWEST = 50
NOVEL = 0.95


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, what it should stay at or below, and on how many rows it rests; `value` None where too few tell.

    `key` stays the same whatever the figure names, such as the model that fails most.
    """

    key: str
    name: str
    value: float | None
    at_most: float
    n: int
    meaning: str

    @property
    def is_over(self) -> bool:
        """Whether the threshold is passed."""
        return self.value is not None and self.value > self.at_most


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one call that answered a request, and what was forecast of it; None where nothing was.

    `prompt` tells prompts apart: the text, or a digest of it; empty where it was not kept.
    """

    prompt: str
    model: str
    task_type: str | None
    quality: float | None
    usd: float | None
    is_failed: bool
    forecast: Forecast | None = None

    @classmethod
    def of(cls, one: Outcome, prompt: str, forecast: Forecast | None) -> Seen:
        """Return what an outcome tells."""
        return cls(
            prompt, one.model, one.task_type, one.quality, one.cost_usd, one.error is not None, forecast
        )


def drift(policy: Policy, outcomes: Sequence[Outcome]) -> tuple[Figure, ...]:
    """Return every figure on the latest RECENT rows that were served, the mix of task types against the rows before.

    Args:
        policy: who serves.
        outcomes: feedback, oldest first.
    """
    served = [one for one in outcomes if one.source != SHADOW]
    recent = [(one, _shown(one)) for one in served[-RECENT:]]
    prompts = list(dict.fromkeys(prompt for _, prompt in recent if prompt))
    row = {prompt: i for i, prompt in enumerate(prompts)}
    known = policy.forecast(prompts) if prompts else None
    column = {model: j for j, model in enumerate(policy.models)}
    seen = [
        Seen.of(
            one,
            prompt,
            known.row(row[prompt])[column[one.model]] if known and prompt and one.model in column else None,
        )
        for one, prompt in recent
    ]
    return figures(seen, Counter(one.task_type for one in served[:-RECENT] if one.task_type))


def figures(recent: Sequence[Seen], before: Mapping[str, int]) -> tuple[Figure, ...]:
    """Return every figure on these rows, oldest first; `before` counts the task types of the rows before them."""
    known = [one for one in recent if one.forecast is not None and not one.is_failed and one.prompt]
    found = [_failures(recent)]
    if known:
        found += [_calibration(known), _novelty(known), _prices(known)]
    return (*found, _mix(recent, before))


def _shown(one: Outcome) -> str:
    """Return the prompt of an outcome; empty where it was not kept."""
    return one.prompt if one.prompt.strip() and not one.prompt.startswith(HASHED) else ""


def _figure(key: str, name: str, value: float, at_most: float, n: int, meaning: str) -> Figure:
    return Figure(key, name, value if n >= FEWEST else None, at_most, n, meaning)


def _failures(recent: Sequence[Seen]) -> Figure:
    """Return the share of failed calls of the model that fails most, among models with enough calls."""
    calls, failed = (
        Counter(one.model for one in recent),
        Counter(one.model for one in recent if one.is_failed),
    )
    shares = {model: failed[model] / n for model, n in calls.items() if n >= 10}
    worst = max(shares, key=lambda model: shares[model], default="")
    value = shares.get(worst, 0.0)
    name = f"failures of {worst}" if value else "failures"
    meaning = "share of calls without an answer, of the model that fails most"
    return _figure("failures", name, value, 0.1, len(recent), meaning)


def _calibration(known: Sequence[Seen]) -> Figure:
    labelled = [
        (one.forecast.p_success, one.quality) for one in known if one.forecast and one.quality is not None
    ]
    p, quality = np.array(labelled, dtype=np.float64).reshape(-1, 2).T
    error = float(expected_calibration_error(p, quality)) if labelled else 0.0
    meaning = "between forecasts and what verifiers and people said"
    return _figure("calibration_error", "calibration error", error, 0.15, len(labelled), meaning)


def _novelty(known: Sequence[Seen]) -> Figure:
    """Return the share of novel prompts; a prompt asked several times counts once."""
    novelty = {one.prompt: one.forecast.novelty for one in known if one.forecast}
    share = sum(one > NOVEL for one in novelty.values()) / len(novelty)
    meaning = f"share farther from training than {NOVEL:.0%} of its own prompts"
    return _figure("novel_prompts", "novel prompts", share, 0.2, len(novelty), meaning)


def _prices(known: Sequence[Seen]) -> Figure:
    """Return how far apart what was paid and what the cards' prices forecast are, whichever is more."""
    paid = [(one.usd, one.forecast.usd) for one in known if one.forecast and one.usd is not None]
    total, forecast = sum(usd for usd, _ in paid), sum(usd for _, usd in paid)
    ratio = max(total / forecast, forecast / total) - 1.0 if total > 0.0 and forecast > 0.0 else 0.0
    meaning = "by how much what was paid and what was forecast differ"
    return _figure("prices", "prices", ratio, 0.5, len(paid), meaning)


def _mix(recent: Sequence[Seen], before: Mapping[str, int]) -> Figure:
    """Return the total variation distance between the task types of recent and earlier rows."""
    now, then = Counter(one.task_type for one in recent if one.task_type), Counter(before)
    n, m = sum(now.values()), sum(then.values())
    moved = 0.0
    if n and m:
        moved = 0.5 * sum(abs(now[name] / n - then[name] / m) for name in now.keys() | then.keys())
    meaning = "share of requests whose type has changed against before"
    return _figure("task_types", "mix of task types", moved, 0.2, min(n, m), meaning)
