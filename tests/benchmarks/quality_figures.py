"""The figures of routers on one split: the policy, its shuffled twin, every constant and every baseline."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from router_training.calibration import expected_calibration_error
from router_training.catalogue import usd_per_call
from router_training.contract import Catalogue, Forecasts
from router_training.evaluation import default_dials
from router_training.features import surface_features
from router_training.judging.controls import Grid, complete_grid, constants, oracle_curve
from router_training.judging.curves import (
    aiq,
    best_constant,
    chosen,
    cost_at_best,
    hull_lift,
    router_hull,
)
from router_training.learning.choosing import choose_at
from router_training.learning.operating import best_within
from router_training.outcomes import OutcomeTable
from router_training.policy import Policy, fit_policy
from router_training.twin import fit_twin, shuffle_labels
from tests.benchmarks.baselines import CHOOSERS, FORECASTERS, Case, swept

POLICY, TWIN, WINNER_TWIN = (
    "policy.choose(dial=...)",
    "labels shuffled, same recipe",
    "labels shuffled, winner kept",
)
BUDGET = "policy.choose(max_usd=...)"
MIX, ORACLE = "cost-matched mix of constants", "oracle"
DIALS = default_dials()
N_BUDGETS = 41


@dataclass(frozen=True, slots=True)
class Figures:
    """One method on one split; ECE and AUC per model, empty where a method forecasts nothing.

    `ece_of_chance` is the ECE that the same forecasts would show on a test part of this size if they were true.
    """

    lift: float
    cost_at_best: float
    aiq: float
    ece: tuple[float, ...] = ()
    auc: tuple[float, ...] = ()
    ece_of_chance: float = float("nan")


@dataclass(frozen=True, slots=True)
class Split:
    """All methods on one split, the constants as (usd, quality), and how the policy was chosen."""

    methods: dict[str, Figures]
    constants: dict[str, tuple[float, float]]
    winner: str
    n_train: int
    n_test: int
    candidates: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return all figures by name."""
        return asdict(self)


def judge_split(
    table: OutcomeTable,
    vectors: np.ndarray,
    parts: tuple[np.ndarray, np.ndarray],
    catalogue: Catalogue | None,
    seed: int,
) -> Split:
    """Fit the real policy and all baselines on one part of the table, and judge them on the other.

    Args:
        table: outcomes of n tasks.
        vectors: of all prompts, shape (n, d).
        parts: positions of training and test tasks.
        catalogue: prices, or None where the training part's costs imply them.
        seed: of the policy and of the baselines.
    """
    train, test = (table.take(part) for part in parts)
    policy = fit_policy(train, catalogue=catalogue, seed=seed)
    forecasts = policy.forecast_vectors(test.prompts, vectors[parts[1]])
    grid, kept = complete_grid(test, usd_per_call(test, policy.catalogue), policy.models)
    case = Case(train, test, vectors[parts[0]], vectors[parts[1]], forecasts.usd, seed)
    methods = {POLICY: _of_policy(policy, forecasts, grid, kept)}
    methods[BUDGET] = _of_choices(grid, _within_budgets(policy, forecasts)[:, kept])
    twin = fit_twin(policy, train, seed=seed)
    methods[TWIN] = _of_policy(twin, twin.forecast_vectors(test.prompts, case.test_vectors), grid, kept)
    methods[WINNER_TWIN] = _of_forecast(grid, kept, _winner_twin(policy, case), case)
    for name, forecast in FORECASTERS.items():
        methods[name] = _of_forecast(grid, kept, forecast(case), case)
    for name, choose in CHOOSERS.items():
        methods[name] = _of_choices(grid, choose(case)[:, kept])
    for j, name in enumerate(grid.models):
        methods[f"always {name}"] = _of_choices(grid, np.full((1, len(grid)), j))
    methods[MIX] = _of_points(grid, grid.usd.mean(axis=0), grid.quality.mean(axis=0))
    methods[ORACLE] = _of_points(grid, *oracle_curve(grid, DIALS))
    singles = {point.name: (point.usd, point.quality) for point in constants(grid)}
    candidates = list(policy.metadata["candidates"])
    return Split(methods, singles, policy.metadata["winner"], len(train), len(grid), candidates)


def _winner_twin(policy: Policy, case: Case) -> np.ndarray:
    """Return the raw forecasts of the winning success model when it learns from shuffled labels, unguarded."""
    learned = policy.learned
    shuffled = shuffle_labels(case.train, case.seed)
    columns = [shuffled.models.index(name) for name in policy.models]
    train, test = (
        learned.scale.inputs(vectors, surface_features(part.prompts))
        for vectors, part in ((case.train_vectors, case.train), (case.test_vectors, case.test))
    )
    return np.asarray(clone(learned.success).fit(train, shuffled.quality[:, columns]).predict(test))


def _within_budgets(policy: Policy, forecasts: Forecasts) -> np.ndarray:
    """Return the choices under N_BUDGETS budgets from the cheapest to the dearest way to serve."""
    usd = [point.usd for point in policy.operating_points]
    able = np.ones(forecasts.p_success.shape, dtype=bool)
    points = [
        best_within(policy.operating_points, budget) for budget in np.linspace(min(usd), max(usd), N_BUDGETS)
    ]
    return np.stack([choose_at(point, forecasts, policy.usd_scale, able) for point in points])


def _of_policy(policy: Policy, forecasts: Forecasts, grid: Grid, kept: np.ndarray) -> Figures:
    choices = np.stack([policy.decide(forecasts, float(dial)) for dial in DIALS])[:, kept]
    return _with_forecast(grid, _of_choices(grid, choices), forecasts.p_success[kept])


def _of_forecast(grid: Grid, kept: np.ndarray, p: np.ndarray, case: Case) -> Figures:
    return _with_forecast(grid, _of_choices(grid, swept(p, case.usd)[:, kept]), p[kept])


def _of_choices(grid: Grid, choices: np.ndarray) -> Figures:
    usd, quality = (chosen(matrix, choices).mean(axis=1) for matrix in (grid.usd, grid.quality))
    return _of_points(grid, usd, quality)


def _of_points(grid: Grid, usd: np.ndarray, quality: np.ndarray) -> Figures:
    singles = (grid.usd.mean(axis=0), grid.quality.mean(axis=0))
    return Figures(
        lift=hull_lift(usd, quality, *singles),
        cost_at_best=cost_at_best(usd, quality, *singles),
        aiq=aiq(router_hull(usd, quality, *singles), singles[0]),
    )


def _with_forecast(grid: Grid, figures: Figures, p: np.ndarray) -> Figures:
    truths = np.random.default_rng(0).random((20, *p.shape)) < p
    by_chance = [_eces(p, truth.astype(np.float64)) for truth in truths]
    return Figures(
        figures.lift,
        figures.cost_at_best,
        figures.aiq,
        ece=tuple(_eces(p, grid.quality)),
        auc=tuple(_auc(p[:, j], grid.quality[:, j]) for j in range(p.shape[1])),
        ece_of_chance=float(np.mean(by_chance)),
    )


def _eces(p: np.ndarray, quality: np.ndarray) -> list[float]:
    return [float(expected_calibration_error(p[:, j], quality[:, j])) for j in range(p.shape[1])]


def _auc(p: np.ndarray, quality: np.ndarray) -> float:
    good = quality >= 0.5
    return float("nan") if good.all() or not good.any() else float(roc_auc_score(good, p))


def mean_constants(splits: Sequence[Split]) -> dict[str, tuple[float, float]]:
    """Return (usd, quality) of each constant, means over splits, the dearest first."""
    means = {
        name: tuple(np.mean([split.constants[name] for split in splits], axis=0).tolist())
        for name in splits[0].constants
    }
    return dict(sorted(means.items(), key=lambda item: -item[1][0]))


def best_single(split: Split) -> str:
    """Return the constant with the highest quality on the split's test part."""
    names = list(split.constants)
    usd, quality = np.array(list(split.constants.values())).T
    return names[best_constant(usd, quality)]
