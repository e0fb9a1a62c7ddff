"""The headline figures of a policy, its twin and the constants on the same resampled tasks."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from router_training.contract import FloatArray
from router_training.judging.bootstrap import resampled_means
from router_training.judging.controls import Grid
from router_training.judging.curves import (
    Choices,
    aiq,
    best_constant,
    chosen,
    router_hull,
    share_of,
    upper_hull,
)


class Statistics(NamedTuple):
    """What is computed anew on every resample; twin figures are NaN where there is no twin.

    The `equal_` figures are of choices at dials that other tasks chose for the best constant's quality, NaN without. They
    stand beside the model that is best on all tasks, by name; the others beside whichever is best on the resample.
    """

    lift: float
    twin_lift: float
    learned_lift: float
    aiq: float
    cost_at_best: float
    gain_over_mix: float
    gain_over_best: float
    cost_share_of_best: float
    equal_gain_over_mix: float
    equal_gain_over_best: float
    equal_cost_share_of_best: float


def paired_statistics(
    grid: Grid,
    choices: Choices,
    twin_choices: Choices | None,
    operating: int,
    n_boot: int,
    seed: int,
    equal: Choices | None = None,
) -> tuple[Statistics, FloatArray]:
    """Return the statistics on all tasks, and on `n_boot` resamples of them, shape (n_boot, 11).

    `operating` is the row of `choices` to look at more closely, `equal` (n,) the choices for equal quality.
    """
    routes = [choices] if twin_choices is None else [choices, twin_choices]
    parts = [chosen(matrix, route).T for route in routes for matrix in (grid.usd, grid.quality)]
    if equal is not None:
        parts += [chosen(matrix, equal)[:, None] for matrix in (grid.usd, grid.quality)]
    columns = np.concatenate([grid.usd, grid.quality, *parts], axis=1)
    means = columns.mean(axis=0)
    m = len(grid.models)
    shape = (m, len(choices), operating, equal is not None, best_constant(means[:m], means[m : 2 * m]))
    found = _statistics(means, *shape)
    rng = np.random.default_rng(seed)
    resamples = [_statistics(means, *shape) for means in resampled_means(columns, n_boot, rng)]
    return found, np.array(resamples, dtype=np.float64).reshape(n_boot, len(Statistics._fields))


def _statistics(means: FloatArray, m: int, k: int, operating: int, equal: bool, named: int) -> Statistics:
    """Read the means in the order of `paired_statistics`: m constants, k dials, and k of the twin if any."""
    constant_usd, constant_quality = means[:m], means[m : 2 * m]
    usd, quality = means[2 * m : 2 * m + k], means[2 * m + k : 2 * (m + k)]
    at_equal = (float(means[-2]), float(means[-1])) if equal else (math.nan, math.nan)
    twin = means[2 * (m + k) : len(means) - 2 * equal]
    mixes = upper_hull(constant_usd, constant_quality)
    hull = router_hull(usd, quality, constant_usd, constant_quality)
    mix_aiq, router_aiq = aiq(mixes, constant_usd), aiq(hull, constant_usd)
    twin_lift = math.nan
    if len(twin):
        twin_lift = (
            aiq(router_hull(twin[:k], twin[k:], constant_usd, constant_quality), constant_usd) - mix_aiq
        )
    best = best_constant(constant_usd, constant_quality)

    def gains(own_usd: float, own: float, beside: int) -> tuple[float, float, float]:
        over_best = own - float(constant_quality[beside])
        share = share_of(own_usd, float(constant_usd[beside]))
        return own - float(mixes.quality_at(own_usd)), over_best, share

    over_mix, over_best, share = gains(float(usd[operating]), float(quality[operating]), best)
    equal_over_mix, equal_over_best, equal_share = gains(*at_equal, named)
    return Statistics(
        lift=router_aiq - mix_aiq,
        twin_lift=twin_lift,
        learned_lift=router_aiq - mix_aiq - twin_lift,
        aiq=router_aiq,
        cost_at_best=share_of(hull.usd_at(float(constant_quality[best])), float(constant_usd[best])),
        gain_over_mix=over_mix,
        gain_over_best=over_best,
        cost_share_of_best=share,
        equal_gain_over_mix=equal_over_mix,
        equal_gain_over_best=equal_over_best,
        equal_cost_share_of_best=equal_share,
    )
