"""The gate: what a challenger must show on held-out gold before it serves, and the level that many tries leave.

Every rule is a difference on the same tasks, with a lower bound by paired bootstrap. All rules must hold at once, which
needs no correction (Berger, "Multiparameter hypothesis testing and acceptance sampling", 1982); tries do. The t-th try
on the same gold is made at level alpha / (t * (t + 1)). These sum to alpha, however many tries follow, so that retraining
every night promotes a challenger that is no better with probability alpha at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from router_training.contract import FloatArray
from router_training.judging.bootstrap import Interval, percentile_interval, resampled_means
from router_training.judging.controls import Grid
from router_training.judging.curves import Choices, chosen, hull_lift, upper_hull

ALPHA = 0.05
MARGIN = 0.05
FEWEST_OF_A_TYPE = 20
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule: the figure with its interval, what it must exceed, and whether it does."""

    rule: str
    figure: Interval
    must_exceed: float
    n_tasks: int
    holds: bool


@dataclass(frozen=True, eq=False)
class Sides:
    """What challenger and champion choose on the gate's grid: positions of models, shape (k, n), a row per dial.

    `at` is the row of the dial that serves, `dial` that dial, `usd_scale` the USD that weigh as much as certain success
    at dial 0.5. `champion` is None where nobody serves.
    """

    challenger: Choices
    champion: Choices | None
    at: int
    dial: float
    usd_scale: float

    def worth(self, usd: FloatArray, quality: FloatArray) -> FloatArray:
        """Return quality less the quality that the price weighs as much as: quality - (1 - dial) / dial * usd / usd_scale."""
        return quality - (1.0 - self.dial) / max(self.dial, 1e-9) * usd / self.usd_scale


def level_of(tries: int, alpha: float = ALPHA) -> float:
    """Return the one-sided level at which the `tries`-th try (from 1) on the same gold is made."""
    return alpha / (tries * (tries + 1))


def reasons(
    grid: Grid,
    sides: Sides,
    *,
    tries: int = 1,
    margin: float = MARGIN,
    seed: int = 0,
    n_boot: int = RESAMPLES,
) -> tuple[Reason, ...]:
    """Return every rule that the challenger has to meet, with its figures.

    Args:
        grid: the gate's tasks.
        sides: what both choose on them.
        tries: how many challengers, this one included, this gold has judged.
        margin: worth that may be lost on a task type.
        seed: of the bootstrap.
        n_boot: resamples.
    """
    level = level_of(tries)
    rules = _rules(grid, sides)
    columns, cut = _columns(grid, sides)
    found = {name: rule(cut(columns.mean(axis=0))) for name, rule in rules.items()}
    rng = np.random.default_rng(seed)
    drawn = [[rule(cut(means)) for rule in rules.values()] for means in resampled_means(columns, n_boot, rng)]
    resamples = np.asarray(drawn, dtype=np.float64).reshape(n_boot, len(rules))
    judged = []
    for j, (name, value) in enumerate(found.items()):
        figure = interval_at(value, resamples[:, j], level)
        judged.append(Reason(name, figure, 0.0, len(grid), figure.low > 0.0))
    return (*judged, *_by_type(grid, sides, margin, level))


def interval_at(value: float, resamples: FloatArray, level: float) -> Interval:
    """Return the value with the interval whose ends are each exceeded with probability `level`.

    Beyond what the resamples can resolve the tails are those of a normal distribution, so the wider of both is taken.
    """
    ranked = percentile_interval(value, resamples, 1.0 - 2.0 * level)
    if level * len(resamples) >= 10.0:
        return ranked
    half = float(-ndtri(level) * resamples.std())
    return Interval(value, min(ranked.low, value - half), max(ranked.high, value + half))


Means = Mapping[str, FloatArray]


def _columns(grid: Grid, sides: Sides) -> tuple[FloatArray, Callable[[FloatArray], Means]]:
    """Return all columns that are resampled, shape (n, c), and what cuts their means into named parts."""
    parts = {"usd": grid.usd, "quality": grid.quality}
    parts |= {
        f"{side}_{name}": chosen(matrix, choice).T
        for side, choice in (("challenger", sides.challenger), ("champion", sides.champion))
        if choice is not None
        for name, matrix in (("usd", grid.usd), ("quality", grid.quality))
    }
    ends = np.cumsum([part.shape[1] for part in parts.values()])[:-1]
    return np.concatenate(list(parts.values()), axis=1), lambda means: dict(
        zip(parts, np.split(means, ends), strict=True)
    )


def _rules(grid: Grid, sides: Sides) -> dict[str, Callable[[Means], float]]:
    """Return the rules over all tasks, by what the challenger must beat."""

    def lift(means: Means, side: str) -> float:
        return hull_lift(means[f"{side}_usd"], means[f"{side}_quality"], means["usd"], means["quality"])

    def worth(means: Means) -> float:
        usd, quality = means["challenger_usd"][sides.at], means["challenger_quality"][sides.at]
        return float(sides.worth(usd, quality) - sides.worth(means["usd"], means["quality"]).max())

    def over_mix(means: Means) -> float:
        mixes = upper_hull(means["usd"], means["quality"])
        quality = means["challenger_quality"][sides.at]
        return float(quality - mixes.quality_at(float(means["challenger_usd"][sides.at])))

    first: dict[str, Callable[[Means], float]]
    if sides.champion is None:
        first = {"constants and mixes, over all dials (hull lift)": lambda means: lift(means, "challenger")}
    else:
        first = {
            "champion, over all dials (hull lift)": lambda means: (
                lift(means, "challenger") - lift(means, "champion")
            )
        }
    return {**first, "best constant (worth)": worth, "mix of equal cost (quality)": over_mix}


def _by_type(grid: Grid, sides: Sides, margin: float, level: float) -> list[Reason]:
    """Return one rule per task type with enough data: no more than `margin` of worth lost to who serves now.

    Enough is FEWEST_OF_A_TYPE tasks, and a standard error no greater than the margin.
    """
    worth = sides.worth(grid.usd, grid.quality)
    mine = chosen(worth, sides.challenger[sides.at][None])[0]
    rival = worth[:, int(worth.mean(axis=0).argmax())]
    if sides.champion is not None:
        rival = chosen(worth, sides.champion[sides.at][None])[0]
    types = np.array([name or "" for name in grid.task_types], dtype=object)
    found = []
    for name in sorted(set(types.tolist()) - {""}):
        gain = (mine - rival)[types == name]
        error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
        if len(gain) >= FEWEST_OF_A_TYPE and error <= margin:
            mean, half = float(gain.mean()), float(-ndtri(level) * error)
            figure = Interval(mean, mean - half, mean + half)
            found.append(Reason(f"loss on {name} (worth)", figure, -margin, len(gain), mean > -margin))
    return found
