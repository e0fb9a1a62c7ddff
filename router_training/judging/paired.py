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
    """What is computed anew on every resample; twin figures are NaN where there is no twin."""

    lift: float
    twin_lift: float
    learned_lift: float
    aiq: float
    cost_at_best: float
    gain_over_mix: float
    gain_over_best: float
    cost_share_of_best: float


def paired_statistics(
    grid: Grid, choices: Choices, twin_choices: Choices | None, operating: int, n_boot: int, seed: int
) -> tuple[Statistics, FloatArray]:
    """Return the statistics on all tasks, and on `n_boot` resamples of them, shape (n_boot, 8)."""
    routes = [choices] if twin_choices is None else [choices, twin_choices]
    parts = [chosen(matrix, route).T for route in routes for matrix in (grid.usd, grid.quality)]
    columns = np.concatenate([grid.usd, grid.quality, *parts], axis=1)
    shape = (len(grid.models), len(choices), operating)
    found = _statistics(columns.mean(axis=0), *shape)
    rng = np.random.default_rng(seed)
    resamples = [_statistics(means, *shape) for means in resampled_means(columns, n_boot, rng)]
    return found, np.array(resamples, dtype=np.float64).reshape(n_boot, len(Statistics._fields))


def _statistics(means: FloatArray, m: int, k: int, operating: int) -> Statistics:
    """Read the means in the order of `paired_statistics`: m constants, k dials, and k of the twin if any."""
    constant_usd, constant_quality = means[:m], means[m : 2 * m]
    usd, quality = means[2 * m : 2 * m + k], means[2 * m + k : 2 * (m + k)]
    twin = means[2 * (m + k) :]
    mixes = upper_hull(constant_usd, constant_quality)
    hull = router_hull(usd, quality, constant_usd, constant_quality)
    mix_aiq, router_aiq = aiq(mixes, constant_usd), aiq(hull, constant_usd)
    twin_lift = math.nan
    if len(twin):
        twin_lift = (
            aiq(router_hull(twin[:k], twin[k:], constant_usd, constant_quality), constant_usd) - mix_aiq
        )
    best = best_constant(constant_usd, constant_quality)
    best_usd, best_quality = float(constant_usd[best]), float(constant_quality[best])
    op_usd, op_quality = float(usd[operating]), float(quality[operating])
    return Statistics(
        lift=router_aiq - mix_aiq,
        twin_lift=twin_lift,
        learned_lift=router_aiq - mix_aiq - twin_lift,
        aiq=router_aiq,
        cost_at_best=share_of(hull.usd_at(best_quality), best_usd),
        gain_over_mix=op_quality - float(mixes.quality_at(op_usd)),
        gain_over_best=op_quality - best_quality,
        cost_share_of_best=share_of(op_usd, best_usd),
    )
