"""Judges a policy on outcomes it has not seen, always beside constants, chance, a twin and the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from router_training.calibration import expected_calibration_error, reliability
from router_training.catalogue import usd_per_call
from router_training.contract import Catalogue, FloatArray, Forecasts, UsageError
from router_training.judging.bootstrap import percentile_interval
from router_training.judging.controls import (
    CurvePoint,
    Grid,
    chance,
    complete_grid,
    constants,
    curve_points,
    oracle,
    oracle_curve,
)
from router_training.judging.curves import (
    Choices,
    best_constant,
    cheapest_constant,
    chosen,
    hull_lift,
    router_hull,
    upper_hull,
)
from router_training.judging.equal_quality import CrossFitted, cross_fitted
from router_training.judging.evaluation_result import Calibration, Evaluation, Operating
from router_training.judging.paired import Statistics, paired_statistics
from router_training.judging.published import published
from router_training.judging.slices import slices_of
from router_training.judging.verdict import verdict
from router_training.outcomes import OutcomeTable

OPERATING_DIAL = 0.8


class Router(Protocol):
    """What evaluation needs of a policy."""

    def forecast(self, prompts: Sequence[str]) -> Forecasts:
        """Return forecasts for n prompts."""
        ...

    def decide(self, forecasts: Forecasts, dial: float) -> Choices:
        """Return the position of the chosen model per prompt, shape (n,)."""
        ...


def default_dials() -> FloatArray:
    """Return the dials that an evaluation sweeps: evenly spaced in the dial and in the price of quality."""
    dials = np.concatenate([np.linspace(0.0, 1.0, 21), 1.0 / (1.0 + np.logspace(-3.0, 3.0, 31))])
    return np.unique(dials.round(6))


def evaluate(
    policy: Router,
    table: OutcomeTable,
    *,
    twin: Router | None = None,
    dials: Sequence[float] | FloatArray | None = None,
    dial: float = OPERATING_DIAL,
    n_boot: int = 1000,
    seed: int = 0,
    catalogue: Catalogue | None = None,
    forecasts: Forecasts | None = None,
    twin_forecasts: Forecasts | None = None,
) -> Evaluation:
    """Judge `policy` on a table that it was not trained on.

    Args:
        policy: what to judge.
        table: outcomes; tasks that a model of the policy did not answer are left out and counted.
        twin: the same kind of policy, trained with quality rows permuted across tasks.
        dials: the dials to sweep, each in [0, 1].
        dial: the operating point for slices and paired gains.
        n_boot: resamples of the bootstrap; 0 leaves intervals unknown.
        seed: of the bootstrap.
        catalogue: prices for answers without a recorded cost.
        forecasts: `policy.forecast(table.prompts)`, where it is known already.
        twin_forecasts: the same of the twin.

    Raises:
        DataError: if the table lacks a model of the policy, costs, or tasks that all models answered.
        UsageError: if a dial lies outside [0, 1].
    """
    known = policy.forecast(table.prompts) if forecasts is None else forecasts
    wanted = default_dials() if dials is None else np.asarray(dials, dtype=np.float64)
    swept = _swept(wanted, dial)
    grid, kept = complete_grid(table, usd_per_call(table, catalogue), known.models)
    choices, served = _choices(policy, known, swept, grid)[:, kept], taken(known, kept)
    twin_choices = None
    if twin is not None:
        known_twin = twin.forecast(table.prompts) if twin_forecasts is None else twin_forecasts
        twin_choices = _choices(twin, known_twin, swept, grid)[:, kept]
    return evaluate_choices(
        grid,
        choices,
        swept,
        twin_choices=twin_choices,
        p_success=known.p_success[kept],
        dial=dial,
        equal=cross_fitted(
            grid, lambda one: _choices(policy, served, [one], grid)[0], table.groups[kept], seed=seed
        ),
        n_boot=n_boot,
        seed=seed,
    )


def taken(forecasts: Forecasts, rows: Choices) -> Forecasts:
    """Return the forecasts of the prompts at these positions: success, cost, seconds and novelty."""
    names = ("p_success", "usd", "latency_s", "novelty")
    return Forecasts(forecasts.models, **{name: getattr(forecasts, name)[rows] for name in names})


def _swept(dials: FloatArray, dial: float) -> FloatArray:
    swept = np.unique(np.append(dials, dial))
    outside = swept[~((swept >= 0.0) & (swept <= 1.0))]
    if len(outside):
        raise UsageError(f"dial {outside[0]:g} lies outside [0, 1]; 0 wants it cheap, 1 wants it right")
    return swept


def _choices(
    router: Router, forecasts: Forecasts, dials: Sequence[float] | FloatArray, grid: Grid
) -> Choices:
    """Return positions in grid.models, shape (k, n), whatever the order of the router's own models."""
    unknown = [name for name in forecasts.models if name not in grid.models]
    if unknown:
        raise UsageError(
            f"the twin chooses {unknown[0]!r}, which the policy does not; train both on one table"
        )
    position = np.array([grid.models.index(name) for name in forecasts.models], dtype=np.int64)
    return np.stack([position[router.decide(forecasts, float(dial))] for dial in dials])


def evaluate_choices(
    grid: Grid,
    choices: Choices,
    dials: FloatArray,
    *,
    twin_choices: Choices | None = None,
    p_success: FloatArray | None = None,
    dial: float = OPERATING_DIAL,
    equal: CrossFitted | None = None,
    n_boot: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Judge choices that were made already.

    Args:
        grid: outcomes of n tasks and m models.
        choices: position of the chosen model, shape (k, n): a row per dial.
        dials: shape (k,), rising.
        twin_choices: the same of the shuffled-label twin.
        p_success: forecasts, shape (n, m), for calibration.
        dial: the operating point; the nearest of `dials` is taken.
        equal: choices at dials that other tasks chose for the best constant's quality.
        n_boot: resamples of the bootstrap.
        seed: of the bootstrap.
    """
    usd, quality = grid.usd.mean(axis=0), grid.quality.mean(axis=0)
    singles = constants(grid)
    best = singles[best_constant(usd, quality)]
    mixes = upper_hull(usd, quality)
    operating = int(np.abs(dials - dial).argmin())
    crossed = None if equal is None else equal.choice
    found, resamples = paired_statistics(grid, choices, twin_choices, operating, n_boot, seed, crossed)
    interval = {
        name: percentile_interval(value, resamples[:, i])
        for i, (name, value) in enumerate(found._asdict().items())
    }
    curve = curve_points(grid, choices, dials, mixes)
    oracle_usd, oracle_quality = oracle_curve(grid, dials)
    learned = interval["learned_lift"] if twin_choices is not None else None
    hull, twin_hull = router_hull(*_means(grid, choices), usd, quality), None
    if twin_choices is not None:
        twin_hull = router_hull(*_means(grid, twin_choices), usd, quality).corners()
    cheapest = cheapest_constant(usd, quality)

    def at(point: CurvePoint, prefix: str = "") -> Operating:
        names = ("gain_over_mix", "gain_over_best", "cost_share_of_best")
        return Operating(point, *(interval[prefix + name] for name in names))

    level = None
    if equal is not None:
        (level,) = curve_points(grid, equal.choice[None], np.array([equal.dial]), mixes)
    return Evaluation(
        models=grid.models,
        n_tasks=len(grid),
        n_left_out=grid.n_left_out,
        n_boot=n_boot,
        seed=seed,
        verdict=verdict(len(grid), best, interval["lift"], learned, interval["cost_at_best"]),
        lift=interval["lift"],
        twin_lift=interval["twin_lift"] if twin_choices is not None else None,
        learned_lift=learned,
        aiq=interval["aiq"],
        constants_aiq=found.aiq - found.lift,
        cost_at_best=interval["cost_at_best"],
        saving_at_best=interval["cost_at_best"].complement(),
        best_reached_share=_share_finite(resamples[:, Statistics._fields.index("cost_at_best")]),
        operating=at(curve[operating]),
        curve=curve,
        twin_curve=None if twin_choices is None else curve_points(grid, twin_choices, dials, mixes),
        hull=hull.corners(),
        twin_hull=twin_hull,
        mixes=mixes.corners(),
        constants=singles,
        best=best,
        cheapest=singles[cheapest],
        random=chance(grid),
        oracle=oracle(grid),
        oracle_hull=router_hull(oracle_usd, oracle_quality, usd, quality).corners(),
        oracle_lift=hull_lift(oracle_usd, oracle_quality, usd, quality),
        calibration={} if p_success is None else calibration_of(grid, p_success),
        slices=slices_of(
            grid,
            choices[operating],
            grid.models.index(best.name),
            cheapest,
            None if twin_choices is None else twin_choices[operating],
        ),
        published=published(grid, hull, curve, choices[operating], operating),
        equal_quality=None if level is None else at(level, "equal_"),
    )


def calibration_of(grid: Grid, p_success: FloatArray) -> dict[str, Calibration]:
    """Return ECE, Brier score (mean squared distance of forecast and quality) and reliability of each model."""
    return {
        name: Calibration(
            ece=float(expected_calibration_error(p_success[:, j], grid.quality[:, j])),
            brier=float(np.mean((p_success[:, j] - grid.quality[:, j]) ** 2)),
            mean_forecast=float(p_success[:, j].mean()),
            mean_quality=float(grid.quality[:, j].mean()),
            bins=reliability(p_success[:, j], grid.quality[:, j]),
        )
        for j, name in enumerate(grid.models)
    }


def _means(grid: Grid, choices: Choices) -> tuple[FloatArray, FloatArray]:
    return chosen(grid.usd, choices).mean(axis=1), chosen(grid.quality, choices).mean(axis=1)


def _share_finite(values: FloatArray) -> float:
    return float(np.isfinite(values).mean()) if len(values) else float("nan")
