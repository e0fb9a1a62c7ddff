"""The joint benchmark's figures: settings chosen on the training part, judged on the test part."""

from dataclasses import dataclass, fields, replace

import numpy as np

from router_training.answer_model import fit_on_answers
from router_training.calibration import expected_calibration_error
from router_training.contract import Catalogue
from router_training.evaluation import default_dials
from router_training.joint.answer_grid import AnswerGrid
from router_training.joint.fitting import fit_joint_model, fit_on_grid
from router_training.joint.grids import grid_of, held_out_grid
from router_training.joint.plans import PRICES
from router_training.joint.playing import play
from router_training.joint.prompt_prior import fit_prompt_prior
from router_training.joint_model import JointModel
from router_training.judging.controls import Grid, oracle_curve
from router_training.judging.curves import best_constant, upper_hull
from router_training.learning.fitting import out_of_fold_prior
from router_training.learning.selection import group_folds
from router_training.outcomes import OutcomeTable
from router_training.policy import Policy, fit_policy
from tests.benchmarks.joint_methods import METHODS, Case, Curve

CAPS = (0.5, 0.58, 0.7, 0.85, 1.0)
MIX, ORACLE = "cost-matched mix of constants", "oracle"


@dataclass(frozen=True, eq=False)
class Point:
    """One setting on one split: quality minus that of the best single model, task by task (n,); cost as its share."""

    gain: np.ndarray
    share: float
    rounds: float


@dataclass(frozen=True, eq=False)
class Split:
    """One split: by method, the setting that matches the best single model in training, those under each cap, and all.

    `best` is the best single model of the test part, against which all is judged, `trained_best` that of the training
    part with its quality minus the former's. `ece` holds the calibration error of the combined confidence after one,
    two and three answers and of what is returned, `ece_per_model` that of each model's answers among two.
    """

    task_ids: np.ndarray
    best: str
    trained_best: str
    trained_gain: float
    matched: dict[str, Point | None]
    capped: dict[str, dict[float, Point]]
    curves: dict[str, np.ndarray]
    ece: tuple[float, ...]
    ece_per_model: tuple[float, ...]
    latency: dict[str, float]


def fit_case(
    train: OutcomeTable, test: OutcomeTable, catalogue: Catalogue | None, seed: int
) -> tuple[Case, Policy]:
    """Train policy, answer model and joint model on one part, and lay out both parts as grids."""
    policy = fit_policy(train, catalogue=catalogue, seed=seed)
    answer_model, p_alone = fit_on_answers(train, policy, seed=seed)
    joint = fit_joint_model(train, policy, p_alone, seed=seed)
    complete = np.flatnonzero(np.isfinite(p_alone).all(axis=1))
    folds = group_folds(train.groups)[complete]
    train, p_alone = train.take(complete), p_alone[complete]
    columns = [train.models.index(name) for name in policy.models]
    prior, p_prior = fit_prompt_prior(train.prompts, train.quality[:, columns], folds)
    grids = (
        grid_of(train, policy, p_alone, p_prior, prior.topics(train.prompts)),
        held_out_grid(test, policy, answer_model, joint)[0],
    )
    return Case(*grids, folds, joint, _train_choices(train, policy), _choices(policy, test)), policy


def _choices(policy: Policy, table: OutcomeTable) -> np.ndarray:
    forecasts = policy.forecast(table.prompts)
    return np.stack([policy.decide(forecasts, float(dial)) for dial in default_dials()])


def _train_choices(table: OutcomeTable, policy: Policy) -> np.ndarray:
    """Return the policy's choices on its own training tasks, by forecasts made without each task's fold."""
    columns = [table.models.index(name) for name in policy.models]
    vectors = policy.encoder.encode_cached(table.prompts)
    p = out_of_fold_prior(
        policy.learned, table.prompts, vectors, table.quality[:, columns], group_folds(table.groups)
    )
    forecasts = policy.forecast_vectors(table.prompts, vectors)
    honest = type(forecasts)(forecasts.models, p, forecasts.usd, forecasts.latency_s, forecasts.novelty)
    return np.stack([policy.decide(honest, float(dial)) for dial in default_dials()])


def without(case: Case, j: int) -> Case:
    """Return the case with a joint model of a pool that lacks the model at position j; the policy's choices stay."""
    kept = np.delete(np.arange(case.train.n_models), j)
    train, test = (_columns(grid, kept) for grid in (case.train, case.test))
    models = tuple(case.joint.models[k] for k in kept)
    joint = fit_on_grid(train, models, case.joint.prior, case.folds)
    return replace(case, train=train, test=test, joint=joint)


def _columns(grid: AnswerGrid, kept: np.ndarray) -> AnswerGrid:
    by_model = [field.name for field in fields(grid) if field.name not in ("agrees", "topics")]
    cut = {name: getattr(grid, name)[:, kept] for name in by_model}
    return replace(grid, agrees=grid.agrees[:, kept][:, :, kept], **cut)


def matched_joint(case: Case) -> Point | None:
    """Return the joint model's setting that matches the best single model of its pool in training."""
    paid, quality = case.test.paid.mean(axis=0), case.test.quality.mean(axis=0)
    trained = best_constant(case.train.paid.mean(axis=0), case.train.quality.mean(axis=0))
    goal = (float(case.train.quality[:, trained].mean()), float(case.train.paid[:, trained].mean()))
    return _matched(METHODS["joint model"](case), goal, case.test, best_constant(paid, quality))


def judge(case: Case, policy: Policy, test: OutcomeTable) -> Split:
    """Choose every method's settings on the training part, and judge them on the test part."""
    grid = case.test
    paid, quality = grid.paid.mean(axis=0), grid.quality.mean(axis=0)
    best = best_constant(paid, quality)
    trained = best_constant(case.train.paid.mean(axis=0), case.train.quality.mean(axis=0))
    goal = (float(case.train.quality[:, trained].mean()), float(case.train.paid[:, trained].mean()))
    matched: dict[str, Point | None] = {}
    capped: dict[str, dict[float, Point]] = {}
    curves: dict[str, np.ndarray] = {}
    for name, method in METHODS.items():
        curve = method(case)
        matched[name] = _matched(curve, goal, grid, best)
        capped[name] = {cap: _point(curve, _under(curve, cap * goal[1]), grid, best) for cap in CAPS}
        curves[name] = np.stack(
            [curve.paid.mean(axis=1) / paid[best], curve.quality.mean(axis=1) - quality[best]]
        )
    hull = upper_hull(paid, quality)
    shares = np.linspace(0.05, 1.5, 30)
    curves[MIX] = np.stack([shares, hull.quality_at(shares * paid[best]) - quality[best]])
    whole = Grid(policy.models, grid.quality, grid.paid, np.full_like(grid.paid, np.nan), ())
    usd, reached = oracle_curve(whole, default_dials())
    curves[ORACLE] = np.stack([usd / paid[best], reached - quality[best]])
    return Split(
        task_ids=test.task_ids,
        best=policy.models[best],
        trained_best=policy.models[trained],
        trained_gain=float(quality[trained] - quality[best]),
        matched=matched,
        capped=capped,
        curves=curves,
        ece=_errors(case),
        ece_per_model=_errors_per_model(case),
        latency=_latency(case.joint, grid, test, policy, trained),
    )


def _matched(curve: Curve, goal: tuple[float, float], grid: AnswerGrid, best: int) -> Point | None:
    """Return the cheapest setting that reaches the best single model's quality in training, if any does."""
    reaching = np.flatnonzero(curve.train_quality >= goal[0])
    return (
        _point(curve, int(reaching[curve.train_paid[reaching].argmin()]), grid, best)
        if len(reaching)
        else None
    )


def _under(curve: Curve, cap: float) -> int:
    """Return the setting of highest quality in training that costs at most the cap there, the cheapest if none does."""
    allowed = np.flatnonzero(curve.train_paid <= cap)
    return (
        int(allowed[curve.train_quality[allowed].argmax()])
        if len(allowed)
        else int(curve.train_paid.argmin())
    )


def _point(curve: Curve, k: int, grid: AnswerGrid, best: int) -> Point:
    gain = curve.quality[k] - grid.quality[:, best]
    return Point(gain, float(curve.paid[k].mean() / grid.paid[:, best].mean()), float(curve.rounds[k].mean()))


def _errors(case: Case) -> tuple[float, ...]:
    """Return the ECE of the combined confidence on the test part after 1, 2, 3 answers, and of answers returned."""
    grid, rng = case.test, np.random.default_rng(0)
    errors = []
    for size in range(1, min(3, grid.n_models) + 1):
        tasks = np.repeat(np.arange(len(grid)), 12)
        asked = rng.random((len(tasks), grid.n_models)).argsort(axis=1)[:, :size]
        p = case.joint.combination.confidence(grid, tasks, asked)
        errors.append(_ece(p.ravel(), grid.quality[tasks[:, None], asked].ravel()))
    returned = [play(case.joint, grid, price) for price in PRICES]
    pooled = [
        np.concatenate(part)
        for part in zip(*((one.confidence, one.quality) for one in returned), strict=True)
    ]
    return (*errors, _ece(*pooled))


def _errors_per_model(case: Case) -> tuple[float, ...]:
    grid, rng = case.test, np.random.default_rng(0)
    tasks = np.arange(len(grid))
    errors = []
    for j in range(grid.n_models):
        rest = np.array([k for k in range(grid.n_models) if k != j])
        asked = np.column_stack([np.full(len(grid), j), rng.choice(rest, len(grid))])
        errors.append(_ece(case.joint.combination.confidence(grid, tasks, asked)[:, 0], grid.quality[:, j]))
    return tuple(errors)


def _ece(p: np.ndarray, quality: np.ndarray) -> float:
    return float(expected_calibration_error(p, quality))


def _latency(
    joint: JointModel, grid: AnswerGrid, test: OutcomeTable, policy: Policy, single: int
) -> dict[str, float]:
    """Return mean seconds at the matching dial: asked one by one, two at once, and the best single model."""
    columns = [test.models.index(name) for name in policy.models]
    seconds = test.latency_s[:, columns]
    if not np.isfinite(seconds).all():
        return {}
    dial = joint.metadata["matching_dial"] or 1.0
    price = (1.0 - dial) / dial
    apart, together = (play(joint, grid, price, share) for share in (2.0, 0.3))
    return {
        "one by one": float(apart.latency_s(seconds).mean()),
        "two at once": float(together.latency_s(seconds).mean()),
        "the best single model": float(seconds[:, single].mean()),
    }


def interval(splits: list[Split], points: list[Point], seed: int = 0) -> tuple[float, float, float]:
    """Return the mean gain over splits and its 95% interval, by resampling tasks, whichever splits test them."""
    gains: dict[str, list[float]] = {}
    for split, point in zip(splits, points, strict=True):
        for task, gain in zip(split.task_ids, point.gain.tolist(), strict=True):
            gains.setdefault(str(task), []).append(gain / len(point.gain) / len(splits))
    sums = np.array([sum(one) for one in gains.values()])
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(sums), np.full(len(sums), 1.0 / len(sums)), size=1000) @ sums
    return float(sums.sum()), *np.quantile(drawn, (0.025, 0.975)).tolist()


__all__ = [
    "CAPS",
    "MIX",
    "ORACLE",
    "Point",
    "Split",
    "fit_case",
    "interval",
    "judge",
    "matched_joint",
    "without",
]
