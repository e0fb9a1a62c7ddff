"""Learning to weigh answers together from a table in which every model answered every task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from router_training.answers.boosted_trees import BoostedTrees
from router_training.calibration import expected_calibration_error
from router_training.contract import DataError, FloatArray
from router_training.joint.answer_grid import AnswerGrid, Indices
from router_training.joint.combination import MOST_ASKED, fit_combination
from router_training.joint.gains import Confident, fit_gains, inputs
from router_training.joint.grids import grid_of
from router_training.joint.pair_tables import PairTables
from router_training.joint.plans import PRICES, Gain, Plans, search_plans
from router_training.joint.prompt_prior import PromptPrior, fit_prompt_prior
from router_training.joint_model import JointModel
from router_training.judging.curves import best_constant
from router_training.learning.fitting import versions
from router_training.learning.selection import group_folds
from router_training.outcomes import OutcomeTable
from router_training.policy import Policy

FEWEST_TASKS = 100
STATES_CHECKED = 20_000
ROUNDING = 1e-6  # of figures in single precision


def can_compare(p_alone: FloatArray) -> bool:
    """Tell whether `fit_joint_model` has enough to learn from: two models, FEWEST_TASKS tasks that all answered."""
    return p_alone.shape[1] >= 2 and int(np.isfinite(p_alone).all(axis=1).sum()) >= FEWEST_TASKS


def fit_joint_model(
    table: OutcomeTable,
    policy: Policy,
    p_alone: FloatArray,
    *,
    seed: int = 0,
    cache_dir: Path | str | None = None,
) -> JointModel:
    """Learn from the tasks of a table that have a graded answer of every model of the policy.

    What plans are tried out with is fitted without each task's fold.

    Args:
        table: outcomes with responses.
        policy: forecasts what calls cost.
        p_alone: what each answer is worth looked at by itself, out of fold: see `answer_model.fit_on_answers`.
        seed: of the states that are played through.
        cache_dir: where vectors are kept.

    Raises:
        DataError: if there are fewer than two models, or FEWEST_TASKS such tasks.
    """
    models = policy.models
    complete = np.flatnonzero(np.isfinite(p_alone).all(axis=1))
    if not can_compare(p_alone):
        raise DataError(
            f"{table.origin} has {len(complete)} tasks with graded answers of all {len(models)} models; weighing answers "
            f"together takes at least {FEWEST_TASKS} such tasks and two models: fill the column response"
        )
    folds = group_folds(table.groups)[complete]
    with threadpool_limits(limits=1):  # small matrices: more BLAS threads wait for each other
        part = table.take(complete)
        columns = [part.models.index(name) for name in models]
        prior, p_prior = fit_prompt_prior(part.prompts, part.quality[:, columns], folds)
        topics = prior.topics(part.prompts)
        grid = grid_of(part, policy, p_alone[complete], p_prior, topics, cache_dir)
        return fit_on_grid(grid, models, prior, folds, seed=seed, digest=table.digest)


def fit_on_grid(
    grid: AnswerGrid,
    models: tuple[str, ...],
    prior: PromptPrior,
    folds: NDArray[np.int64],
    *,
    seed: int = 0,
    digest: str | None = None,
) -> JointModel:
    """Learn from a grid; its `evidence` and `prior` were found without each task's fold, numbered in `folds` (n,)."""
    rng = np.random.default_rng(seed)
    combination = fit_combination(grid, rng)
    by_fold = {
        int(fold): fit_combination(grid.take(np.flatnonzero(folds != fold)), rng) for fold in np.unique(folds)
    }

    def confident(tasks: Indices, asked: Indices) -> FloatArray:
        p = np.zeros(asked.shape)
        for fold, one in by_fold.items():
            held = folds[tasks] == fold
            p[held] = one.confidence(grid, tasks[held], asked[held])
        return p

    gains, gain = _fit_all_gains(grid, combination.pairs, confident, folds, rng)
    plans = search_plans(grid, confident, gain, folds)
    figures = _figures(grid, models, plans, _errors(grid, confident, rng))
    about = {"data_digest": digest, "n_tasks": len(grid), "seed": seed, "versions": versions()}
    return JointModel(models, prior, combination, gains, plans, {**about, **figures})


def _fit_all_gains(
    grid: AnswerGrid,
    pairs: PairTables,
    confident: Confident,
    folds: NDArray[np.int64],
    rng: np.random.Generator,
) -> tuple[BoostedTrees, Gain]:
    """Return the forecast of gains, and one that asks, for each task, what was fitted without its fold."""
    final, by_fold = BoostedTrees.constant(0.0), dict[int, BoostedTrees]()
    if grid.n_models > 2:
        final, by_fold = fit_gains(grid, pairs, confident, folds, rng)

    def gain(tasks: Indices, asked: Indices, p: FloatArray, following: Indices) -> FloatArray:
        X, value = inputs(grid, pairs, tasks, asked, p, following), np.zeros(len(tasks))
        for fold, trees in by_fold.items():
            held = folds[tasks] == fold
            value[held] = trees.score(X[held])
        return value

    return final, gain


def _errors(grid: AnswerGrid, confident: Confident, rng: np.random.Generator) -> list[float]:
    """Return the calibration error of the combined confidence after one, two, three answers, out of fold."""
    errors = []
    for size in range(1, min(grid.n_models, MOST_ASKED) + 1):
        tasks = rng.integers(0, len(grid), STATES_CHECKED)
        asked = rng.random((len(tasks), grid.n_models)).argsort(axis=1)[:, :size]
        p, quality = confident(tasks, asked), grid.quality[tasks[:, None], asked]
        errors.append(float(expected_calibration_error(p.ravel(), quality.ravel())))
    return errors


def _figures(grid: AnswerGrid, models: tuple[str, ...], plans: Plans, ece: list[float]) -> dict[str, Any]:
    quality, paid = grid.quality.mean(axis=0), grid.paid.mean(axis=0)
    best = best_constant(paid, quality)
    dials = (1.0 / (1.0 + PRICES)).tolist()
    rows = zip(dials, plans.quality.tolist(), plans.usd.tolist(), strict=True)
    curve = [{"dial": dial, "quality": reached, "usd": usd} for dial, reached, usd in rows]
    reaching = [row for row in curve if row["quality"] >= quality[best] - ROUNDING]
    return {
        "ece": ece,
        "curve": curve,
        "best": {"model": models[best], "quality": float(quality[best]), "usd": float(paid[best])},
        "matching_dial": min(reaching, key=lambda row: row["usd"])["dial"] if reaching else None,
    }
