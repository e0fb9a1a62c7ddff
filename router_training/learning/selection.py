"""Which success model to serve: cross-validated by group; the constant wins ties.

The best of many candidates looks better than it is, so the last, named before looking, is served unless another is
significantly ahead of it by a paired bootstrap over groups of near-duplicates, and the constant keeps its place unless the
last is ahead of it. How far forecasts may leave the means is the calibration's to say; whether the
router serves at all is for the test part to decide, which took no part in any of this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_training import success_models
from router_training.calibration import cross_calibrated, expected_calibration_error
from router_training.contract import FloatArray, Forecasts, SuccessModel, Vectors
from router_training.judging.curves import TOLERANCE, best_constant, chosen, hull_lift
from router_training.learning.decision import decide

CONSTANT = "constant"
ORDER = "order"  # the option of estimators that ask which model is cheaper; the trial fills it in
DIALS = np.unique(np.concatenate([np.linspace(0.0, 1.0, 21), 1.0 / (1.0 + np.logspace(-3.0, 1.0, 31))]))
FOLDS = 5
RESAMPLES = 300
AHEAD = 1.645  # standard errors: a chance of 5 %, one-sided


@dataclass(frozen=True)
class Candidate:
    """A success model by name, with its constructor options."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name with its options, for tables."""
        inside = ", ".join(f"{key}={value:g}" for key, value in self.options.items() if key != ORDER)
        return f"{self.name}({inside})"

    def estimator(self, seed: int = 0) -> SuccessModel:
        """Build the unfitted estimator; `seed` is of what it draws by chance, if it draws anything."""
        estimator = success_models.load(self.name, **self.options)
        if hasattr(estimator, "seed"):
            estimator.seed = seed
        return estimator


CANDIDATES = (
    Candidate(CONSTANT),
    *(Candidate("logistic", {"C": C}) for C in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)),
    Candidate("viable", {"C": 0.1}),
    Candidate("joint", {"C": 0.1, "own": 0.05}),
    Candidate("knn", {"k": 100}),
    Candidate("cluster", {"k": 96}),
    Candidate("boosting"),
    Candidate("blend"),
)


@dataclass(frozen=True, eq=False)
class Trial:
    """What all candidates are judged on: n tasks, m models, held out fold by fold.

    `usd` (n, m) is what answers cost, `usd_forecast` (n, m) what the token model expected of tasks it had not seen;
    `folds` (n,) numbers the fold that holds each task out, `groups` (n,) the near-duplicates that are resampled together.
    """

    models: tuple[str, ...]
    inputs: Vectors
    quality: FloatArray
    usd: FloatArray
    usd_forecast: FloatArray
    folds: NDArray[np.int64]
    groups: NDArray[np.int64]
    seed: int = 0

    def parts(self) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
        """Yield (train, held out) masks, fold by fold."""
        for fold in np.unique(self.folds):
            yield self.folds != fold, self.folds == fold


@dataclass(frozen=True, slots=True)
class Score:
    """Cross-validated figures of one candidate; lifts are of quality per task, over all tasks held out in turn.

    `gain` is the lift over the constant's and `gain_se` the bootstrap's standard error of it; `brier` is the mean squared
    distance of calibrated forecast and outcome; `auc` is the mean over models and folds, NaN where undefined.
    """

    candidate: str
    lift: float
    gain: float
    gain_se: float
    brier: float
    ece: float
    auc: float


@dataclass(frozen=True, eq=False)
class Selection:
    """The winner, its raw out-of-fold forecasts (n, m), and everyone's figures."""

    winner: Candidate
    p_out_of_fold: FloatArray
    scores: tuple[Score, ...]

    def report(self) -> list[dict[str, Any]]:
        """Return the figures as plain rows, in the order in which candidates were given."""
        return [asdict(score) for score in self.scores]


def group_folds(groups: NDArray[np.int64], n_folds: int = FOLDS) -> NDArray[np.int64]:
    """Return the fold (n,) that holds each task out; tasks of one group share a fold."""
    from sklearn.model_selection import GroupKFold  # spares serving its import

    folds = np.zeros(len(groups), dtype=np.int64)
    splitter = GroupKFold(n_splits=min(n_folds, len(np.unique(groups))))
    for fold, (_, held) in enumerate(splitter.split(folds, groups=groups)):
        folds[held] = fold
    return folds


def select(
    trial: Trial, candidates: Sequence[Candidate], advance: Callable[[int, int], None] | None = None
) -> Selection:
    """Return the candidate to serve: the last, or the one of highest out-of-fold hull lift where that is clearly ahead.

    The constant is always a candidate, and it wins unless the last candidate is ahead of it. Of candidates that differ
    in options alone, given in order, the rest are passed over once two in a row did worse than the one before.
    """
    contenders = [Candidate(CONSTANT), *(_ordered(c, trial) for c in candidates if c.name != CONSTANT)]
    counts = _resampled_counts(trial)
    tried: list[Candidate] = []
    forecasts: list[FloatArray] = []
    scores: list[Score] = []
    lifts: list[FloatArray] = []
    for i, candidate in enumerate(contenders):
        family = [score.lift for one, score in zip(tried, scores, strict=True) if one.name == candidate.name]
        if not (len(family) > 2 and family[-3] > family[-2] > family[-1]):
            p = _mean_of_parts(trial, candidate, tried, forecasts)
            forecasts.append(_out_of_fold(trial, candidate) if p is None else p)
            tried.append(candidate)
            calibrated = honest_calibration(candidate, forecasts[-1], trial)
            lifts.append(_lifts(trial, calibrated, counts))
            scores.append(_score(trial, candidate, calibrated, lifts[-1] - lifts[0], float(lifts[-1][0])))
        if advance is not None:
            advance(i + 1, len(contenders))
    best = _best(lifts)
    return Selection(tried[best], forecasts[best], tuple(scores))


def _best(lifts: Sequence[FloatArray]) -> int:
    """Return the place of the candidate to serve, given the lifts of each, plain first, then resampled.

    The constant is the first.
    """
    last, best = len(lifts) - 1, int(np.argmax([lift[0] for lift in lifts]))
    if lifts[last][0] - lifts[0][0] <= TOLERANCE:
        return 0
    ahead = lifts[best] - lifts[last]
    return best if ahead[0] > AHEAD * ahead[1:].std(ddof=1) + TOLERANCE else last


def _ordered(candidate: Candidate, trial: Trial) -> Candidate:
    """Return the candidate told the columns from the cheapest model to the dearest, where it has that option."""
    if ORDER not in success_models.options(candidate.name):
        return candidate
    usd = trial.usd_forecast.mean(axis=0)
    order = tuple(sorted(range(len(usd)), key=lambda j: (usd[j], trial.models[j])))
    return Candidate(candidate.name, {**candidate.options, ORDER: order})


def _out_of_fold(trial: Trial, candidate: Candidate) -> FloatArray:
    p = np.empty_like(trial.quality)
    for train, held in trial.parts():
        model = candidate.estimator(trial.seed)
        p[held] = model.fit(trial.inputs[train], trial.quality[train]).predict(trial.inputs[held])
    return p


def _mean_of_parts(
    trial: Trial, candidate: Candidate, tried: Sequence[Candidate], forecasts: Sequence[FloatArray]
) -> FloatArray | None:
    """Return what a mean of candidates forecasts out of fold, if all of these were tried; None of any other."""
    mean_of = getattr(candidate.estimator(trial.seed), "mean_of", None)
    parts = () if mean_of is None else mean_of()
    shares = [(Candidate(name, options), share) for name, options, share in parts]
    if not shares or any(part not in tried for part, _ in shares):
        return None
    return np.asarray(sum(share * forecasts[tried.index(part)] for part, share in shares))


def honest_calibration(candidate: Candidate, p: FloatArray, trial: Trial, trust: float = 1.0) -> FloatArray:
    """Return out-of-fold forecasts p (n, m) calibrated on the other folds; the constant is left as it is."""
    return p if candidate.name == CONSTANT else cross_calibrated(p, trial.quality, trial.folds)


def _resampled_counts(trial: Trial) -> FloatArray:
    """Return how often each task counts, shape (1 + RESAMPLES, n): once each, then as drawn with its whole group."""
    _, group = np.unique(trial.groups, return_inverse=True)
    n_groups = int(group.max()) + 1
    rng = np.random.default_rng(trial.seed)
    drawn = rng.multinomial(n_groups, np.full(n_groups, 1.0 / n_groups), size=RESAMPLES)
    return np.vstack([np.ones(len(group)), drawn[:, group]])


def _lifts(trial: Trial, p: FloatArray, counts: FloatArray) -> FloatArray:
    """Return the hull lift with each row of counts; where the chosen model was not asked, its forecast counts.

    The forecasts' mean error on what was asked is taken off (the difference estimator of `held_out.mean_of_chosen`):
    to compare dials on the tasks that each happens to know would let holes drown the gain.
    """
    seen = np.isfinite(trial.quality) & np.isfinite(trial.usd)
    known = np.flatnonzero(seen.any(axis=0))
    forecasts = Forecasts(trial.models, p, trial.usd_forecast, trial.usd_forecast, np.zeros(len(p)))
    scale = float(trial.usd_forecast.mean(axis=0).max()) or 1.0
    choices = np.stack([decide(forecasts, float(dial), scale) for dial in DIALS])
    alone = np.repeat(known[:, None], len(p), axis=1)
    pairs = ((trial.usd_forecast, trial.usd), (p, trial.quality))
    columns = [_means(*pair, seen, choice, counts) for choice in (choices, alone) for pair in pairs]
    return np.array([_lift(*means) for means in zip(*columns, strict=True)])


def _means(
    forecast: FloatArray,
    actual: FloatArray,
    seen: NDArray[np.bool_],
    choices: NDArray[np.int64],
    counts: FloatArray,
) -> FloatArray:
    """Return the mean of what was chosen, shape (r, k), for counts (r, n) and choices (k, n); NaN with nothing seen."""
    asked = counts @ chosen(seen.astype(np.float64), choices).T
    error = counts @ chosen(np.where(seen, actual - forecast, 0.0), choices).T
    expected = counts @ chosen(forecast, choices).T / counts.sum(axis=1, keepdims=True)
    return np.where(asked > 0.0, expected + error / np.maximum(asked, 1.0), np.nan)


def _lift(usd: FloatArray, quality: FloatArray, usd_alone: FloatArray, quality_alone: FloatArray) -> float:
    """Return the hull lift given means over tasks: of the router per dial, and of each model alone.

    It is averaged over costs up to that of the best constant: beyond it the constants' hull is flat, and a useless model
    that costs a fortune would drown the rest.
    """
    usable, asked = np.isfinite(quality), np.isfinite(quality_alone)
    if not (usable.any() and asked.any()):
        return 0.0
    price, worth = usd_alone[asked], quality_alone[asked]
    within = price <= price[best_constant(price, worth)]
    return hull_lift(usd[usable], quality[usable], price[within], worth[within])


def _score(trial: Trial, candidate: Candidate, p: FloatArray, gains: FloatArray, lift: float) -> Score:
    seen = np.isfinite(trial.quality)
    return Score(
        candidate=candidate.label,
        lift=lift,
        gain=float(gains[0]),
        gain_se=float(gains[1:].std(ddof=1)),
        brier=float(np.mean((p[seen] - trial.quality[seen]) ** 2)),
        ece=_mean(per_model(p, trial.quality, expected_calibration_error)),
        auc=_mean([auc for _, held in trial.parts() for auc in _aucs(p[held], trial.quality[held])]),
    )


def _aucs(p: FloatArray, quality: FloatArray) -> list[float]:
    return per_model(p, quality, area_under_roc)


def _mean(values: list[float]) -> float:
    known = [value for value in values if value == value]
    return sum(known) / len(known) if known else float("nan")


def per_model(
    p: FloatArray, quality: FloatArray, figure: Callable[[FloatArray, FloatArray], float]
) -> list[float]:
    """Return figure(p, quality) of each model's graded outcomes, in the order of the columns."""
    seen = np.isfinite(quality)
    return [figure(p[seen[:, j], j], quality[seen[:, j], j]) for j in range(quality.shape[1])]


def area_under_roc(p: FloatArray, quality: FloatArray) -> float:
    """Return the chance that a better answer had the higher forecast, 0.5 where p never varies.

    Qualities of at least 0.5 count as successes; NaN where all outcomes are alike.
    """
    from scipy.stats import rankdata  # spares serving its import

    good = quality >= 0.5
    if not good.any() or good.all():
        return float("nan")
    ranks = rankdata(p)
    n_good, n_bad = int(good.sum()), int((~good).sum())
    return float((ranks[good].sum() - n_good * (n_good + 1) / 2) / (n_good * n_bad))
