"""Which success model to trust: cross-validated by group, and the constant stays unless it is clearly beaten."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_training import success_models
from router_training.calibration import cross_calibrated, expected_calibration_error
from router_training.contract import FloatArray, Forecasts, Vectors
from router_training.judging.curves import TOLERANCE, chosen, hull_lift
from router_training.learning.decision import decide

CONSTANT = "constant"
DIALS = np.unique(np.concatenate([np.linspace(0.0, 1.0, 21), 1.0 / (1.0 + np.logspace(-3.0, 1.0, 31))]))
FOLDS = 5


@dataclass(frozen=True)
class Candidate:
    """A success model by name, with its constructor options."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name with its options, for tables."""
        inside = ", ".join(f"{key}={value:g}" for key, value in self.options.items())
        return f"{self.name}({inside})"


CANDIDATES = (
    Candidate(CONSTANT),
    *(Candidate("logistic", {"C": C}) for C in (0.03, 0.1, 0.3, 1.0)),
    Candidate("knn", {"k": 100}),
    Candidate("cluster", {"k": 48}),
    Candidate("blend", {"C": 0.2, "cells": 48, "k": 100}),
)


@dataclass(frozen=True, eq=False)
class Trial:
    """What all candidates are judged on: n tasks, m models, held out fold by fold.

    `usd` (n, m) is what answers cost, `usd_forecast` (n, m) what the token model expected of tasks it had not seen;
    `folds` (n,) numbers the fold that holds each task out.
    """

    models: tuple[str, ...]
    inputs: Vectors
    quality: FloatArray
    usd: FloatArray
    usd_forecast: FloatArray
    folds: NDArray[np.int64]

    def parts(self) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
        """Yield (train, held out) masks, fold by fold."""
        for fold in np.unique(self.folds):
            yield self.folds != fold, self.folds == fold


@dataclass(frozen=True, slots=True)
class Score:
    """Cross-validated figures of one candidate; lifts are of quality per task, `lifts` one per fold.

    `gain` is the mean lift over the constant's and `gain_se` its standard error over folds; `brier` is the mean
    squared distance of calibrated forecast and outcome; `auc` is the mean over models and folds, NaN where undefined.
    """

    candidate: str
    lift: float
    gain: float
    gain_se: float
    brier: float
    ece: float
    auc: float
    lifts: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Selection:
    """The winner, its raw out-of-fold forecasts (n, m), and everyone's figures."""

    winner: Candidate
    p_out_of_fold: FloatArray
    scores: tuple[Score, ...]

    def report(self) -> list[dict[str, Any]]:
        """Return the figures as plain rows, in the order in which candidates were given."""
        return [{**asdict(score), "lifts": list(score.lifts)} for score in self.scores]


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
    """Return the candidate with the highest mean out-of-fold hull lift.

    The constant is always a candidate, and it wins unless the best is ahead of it by more than one standard error of
    their difference over folds.
    """
    contenders = [Candidate(CONSTANT), *(c for c in candidates if c.name != CONSTANT)]
    forecasts: list[FloatArray] = []
    scores: list[Score] = []
    for i, candidate in enumerate(contenders):
        forecasts.append(_out_of_fold(trial, candidate))
        calibrated = honest_calibration(candidate, forecasts[-1], trial)
        lifts = np.array([_lift(trial, calibrated, held) for _, held in trial.parts()])
        constant = np.array(scores[0].lifts) if scores else lifts
        scores.append(_score(trial, candidate, calibrated, lifts, constant))
        if advance is not None:
            advance(i + 1, len(contenders))
    best = int(np.argmax([score.lift for score in scores]))
    if not is_clearly_ahead(scores[best]):
        best = 0
    return Selection(contenders[best], forecasts[best], tuple(scores))


def is_clearly_ahead(score: Score) -> bool:
    """Tell whether the gain over the constant is more than its standard error, and more than rounding."""
    return score.gain > score.gain_se + TOLERANCE


def _out_of_fold(trial: Trial, candidate: Candidate) -> FloatArray:
    p = np.empty_like(trial.quality)
    for train, held in trial.parts():
        model = success_models.load(candidate.name, **candidate.options)
        p[held] = model.fit(trial.inputs[train], trial.quality[train]).predict(trial.inputs[held])
    return p


def honest_calibration(candidate: Candidate, p: FloatArray, trial: Trial) -> FloatArray:
    """Return out-of-fold forecasts p (n, m) calibrated on the other folds; the constant is left as it is."""
    return p if candidate.name == CONSTANT else cross_calibrated(p, trial.quality, trial.folds)


def _lift(trial: Trial, p: FloatArray, held: NDArray[np.bool_]) -> float:
    """Return the hull lift on held-out tasks; a task counts at a dial only where the chosen model was asked."""
    seen = np.isfinite(trial.quality[held]) & np.isfinite(trial.usd[held])
    quality = np.where(seen, trial.quality[held], 0.0)
    usd = np.where(seen, trial.usd[held], 0.0)
    known = seen.any(axis=0)
    forecasts = Forecasts(
        trial.models, p[held], trial.usd_forecast[held], trial.usd_forecast[held], np.zeros(held.sum())
    )
    scale = float(trial.usd_forecast.mean(axis=0).max()) or 1.0
    choices = np.stack([decide(forecasts, float(dial), scale) for dial in DIALS])
    counts = chosen(seen.astype(np.float64), choices).sum(axis=1)
    usable = counts > 0
    means = [chosen(matrix, choices).sum(axis=1)[usable] / counts[usable] for matrix in (usd, quality)]
    constants = [matrix.sum(axis=0)[known] / seen.sum(axis=0)[known] for matrix in (usd, quality)]
    return hull_lift(*means, *constants) if known.any() else 0.0


def _score(
    trial: Trial, candidate: Candidate, p: FloatArray, lifts: FloatArray, constant: FloatArray
) -> Score:
    gains = lifts - constant
    seen = np.isfinite(trial.quality)
    return Score(
        candidate=candidate.label,
        lift=float(lifts.mean()),
        gain=float(gains.mean()),
        gain_se=float(gains.std(ddof=1) / np.sqrt(len(gains))),
        brier=float(np.mean((p[seen] - trial.quality[seen]) ** 2)),
        ece=_mean(per_model(p, trial.quality, expected_calibration_error)),
        auc=_mean([auc for _, held in trial.parts() for auc in _aucs(p[held], trial.quality[held])]),
        lifts=tuple(lifts.tolist()),
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
