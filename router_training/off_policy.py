"""What another policy, dial or price list would have cost and scored on logged traffic, without asking anybody again.

A logged request says who was asked, with what probability, and what came of it. Where the other policy would have asked
the same model, the row speaks for it, as much as that choice was rare. Three estimates of the mean: inverse propensity
(IPS), the same normalised by its weights (SNIPS: Swaminathan and Joachims, "The self-normalized estimator for
counterfactual learning", 2015, section 4), and doubly robust (DR: Dudik, Langford and Li, "Doubly robust policy
evaluation and learning", 2011, section 3), where the policy's own forecast is corrected by what the rows show. Only the
first choice counts: what a cascade asks after it is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from router_training.contract import SHADOW, Catalogue, DataError, FloatArray, Outcome
from router_training.evaluation import Router
from router_training.judging.bootstrap import Interval

FEWEST_EFFECTIVE = 100.0
FEWEST_OTHERWISE = 25.0
Z = 1.96


@dataclass(frozen=True, eq=False)
class Log:
    """n logged choices: the model's name, its propensity in (0, 1], and what came of it; shapes (n,)."""

    prompts: tuple[str, ...]
    models: NDArray[np.object_]
    propensity: FloatArray
    quality: FloatArray
    usd: FloatArray
    n_left_out: int = 0

    def __len__(self) -> int:
        return len(self.prompts)


@dataclass(frozen=True, slots=True)
class Estimate:
    """The means per request by each estimator, with 95% intervals."""

    ips: Interval
    snips: Interval
    dr: Interval


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the log itself came to, and what the other policy would have; `agreement` is how often both choose alike."""

    n: int
    agreement: float
    effective: float
    logged_quality: float
    logged_usd: float
    quality: Estimate
    usd: Estimate


def logged(outcomes: Sequence[Outcome], catalogue: Catalogue | None = None) -> Log:
    """Return the choices among these outcomes that were made with a known probability and came to something known.

    What was asked in the shadow of a request was nobody's choice: it is left out, for the log is what was served.

    Args:
        outcomes: feedback.
        catalogue: prices that stand in for those that were paid, where the tokens are known.
    """
    kept = [
        one if catalogue is None else _repriced(one, catalogue)
        for one in outcomes
        if one.source != SHADOW and _is_known(one)
    ]
    kept = [one for one in kept if one.cost_usd is not None]
    return Log(
        tuple(one.prompt for one in kept),
        np.array([one.model for one in kept], dtype=object),
        np.array([one.propensity for one in kept], dtype=np.float64),
        np.array([one.quality for one in kept], dtype=np.float64),
        np.array([one.cost_usd for one in kept], dtype=np.float64),
        len(outcomes) - len(kept),
    )


def _is_known(one: Outcome) -> bool:
    return one.propensity is not None and 0.0 < one.propensity <= 1.0 and one.quality is not None


def _repriced(one: Outcome, catalogue: Catalogue) -> Outcome:
    card = catalogue.get(one.model)
    if card is None or one.prompt_tokens is None or one.completion_tokens is None:
        return one
    return replace(one, cost_usd=card.usd(one.prompt_tokens, one.completion_tokens))


def replay(log: Log, policy: Router, dial: float) -> Replayed:
    """Estimate what `policy` would have come to on the log's requests, at its own prices.

    Raises:
        DataError: the log is empty, or too few of its rows speak for the policy.
    """
    if not len(log):
        raise DataError(
            "no logged request has a propensity, a price and a label; serve with POINTSMAN_EXPLORE above 0, "
            "then run `pointsman collect`"
        )
    once = list(dict.fromkeys(log.prompts))
    known_once = policy.forecast(once)
    place_of = {prompt: i for i, prompt in enumerate(once)}
    at = np.array([place_of[prompt] for prompt in log.prompts], dtype=np.int64)
    choice = policy.decide(known_once, dial)[at]
    p_success, usd = known_once.p_success[at], known_once.usd[at]
    place = {name: j for j, name in enumerate(known_once.models)}
    asked = np.array([place.get(name, -1) for name in log.models], dtype=np.int64)
    same = asked == choice
    weight = same / log.propensity
    effective = _effective(weight)
    _must_suffice(log, same, effective)
    rows = np.arange(len(log))
    known, column = asked >= 0, np.maximum(asked, 0)
    return Replayed(
        n=len(log),
        agreement=float(same.mean()),
        effective=effective,
        logged_quality=float(log.quality.mean()),
        logged_usd=float(log.usd.mean()),
        quality=estimate(
            log.quality,
            weight,
            p_success[rows, choice],
            np.where(known, p_success[rows, column], log.quality),
        ),
        usd=estimate(log.usd, weight, usd[rows, choice], np.where(known, usd[rows, column], log.usd)),
    )


def estimate(
    reward: FloatArray, weight: FloatArray, forecast: FloatArray, forecast_asked: FloatArray
) -> Estimate:
    """Return the three estimates of the mean reward under another policy.

    Args:
        reward: what came of each logged choice, shape (n,).
        weight: the other policy's probability of that choice over the log's, shape (n,).
        forecast: what is forecast of the other policy's choice, shape (n,).
        forecast_asked: what is forecast of the logged choice, shape (n,).
    """
    total = float(weight.mean()) or 1.0
    snips = float((weight * reward).mean()) / total
    spread = float(np.sqrt(np.mean((weight * (reward - snips)) ** 2) / len(reward))) / total
    return Estimate(
        ips=_mean(weight * reward),
        snips=Interval(snips, snips - Z * spread, snips + Z * spread),
        dr=_mean(forecast + weight * (reward - forecast_asked)),
    )


def _mean(values: FloatArray) -> Interval:
    mean = float(values.mean())
    half = Z * float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else float("inf")
    return Interval(mean, mean - half, mean + half)


def _effective(weight: FloatArray) -> float:
    """Return how many rows of equal weight say as much: (sum w)^2 / sum w^2 (Kish, "Survey Sampling", 1965, 11.2)."""
    squares = float((weight**2).sum())
    return float(weight.sum()) ** 2 / squares if squares else 0.0


def _must_suffice(log: Log, same: NDArray[np.bool_], effective: float) -> None:
    """Pass where enough rows speak for the policy, and enough of those that only exploration brought.

    Raises:
        DataError: otherwise.
    """
    remedy = "log more traffic, or explore a larger share of it (POINTSMAN_EXPLORE)"
    if effective < FEWEST_EFFECTIVE:
        raise DataError(
            f"{len(log):,} logged requests say as much about this policy as {effective:.0f} of its own would, and an "
            f"estimate needs {FEWEST_EFFECTIVE:.0f}; {remedy}"
        )
    rare = same & (log.propensity < 0.5)
    alike = np.where(rare, 0.0, same / log.propensity)
    differs = 1.0 - float(alike.mean())
    noise = 3.0 * float(alike.std()) / np.sqrt(len(log))
    if differs - noise > 0.01 and rare.sum() < FEWEST_OTHERWISE:
        raise DataError(
            f"this policy would choose otherwise on about {differs:.0%} of the requests, and the log tried that on only "
            f"{rare.sum()} of them, where {FEWEST_OTHERWISE:.0f} are needed; {remedy}"
        )
