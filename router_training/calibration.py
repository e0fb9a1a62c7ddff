"""Raw forecasts to probabilities that hold, learnt from out-of-fold logits, and how far off they are.

Platt scaling (Platt, "Probabilistic outputs for support vector machines", 1999) with two slopes that all models share:
one for how hard the prompts are, one for how the models differ. A slope of its own for each model would fit the noise in
exactly those differences on which the choice rests. Being learnt out of fold, the slopes are also the guard against
noise: where nothing was learnt they are near 0, and every prompt gets each model's mean (Copas, "Regression, prediction
and shrinkage", 1983). The error is that of Guo et al., "On calibration of modern neural
networks" (2017), section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray
from router_training.learning.estimation import fit_logistic, is_varied, logit, sigmoid

STEEPEST_SHIFT = 50.0


@dataclass(frozen=True, eq=False)
class Calibration:
    """p_j -> sigmoid(common_j * s + own_j * (logit(p_j) - s) + shift_j), with s the mean logit of all models; shapes (m,).

    Slopes are never negative.
    """

    common: FloatArray
    own: FloatArray
    shift: FloatArray

    def apply(self, p: FloatArray) -> FloatArray:
        """Return calibrated probabilities, shape (n, m)."""
        shared, deviation = _parts(p)
        return sigmoid(self.common * shared + self.own * deviation + self.shift)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was learned."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Calibration:
        """Rebuild from `to_arrays`."""
        return cls(**{field.name: np.asarray(arrays[field.name], dtype=np.float64) for field in fields(cls)})


def identity(n_models: int) -> Calibration:
    """Return the calibration that changes nothing."""
    return Calibration(np.ones(n_models), np.ones(n_models), np.zeros(n_models))


def fit_calibration(p: FloatArray, quality: FloatArray) -> Calibration:
    """Learn from out-of-fold forecasts p (n, m) and quality (n, m), NaN where an outcome is missing.

    Forecasts that rank outcomes no better than chance get slope 0. The shift makes each model's mean forecast its mean
    quality. A model whose outcomes are all alike, or all missing, is left as it is.
    """
    found = identity(p.shape[1])
    seen = np.isfinite(p) & np.isfinite(quality)
    varied = [j for j in range(p.shape[1]) if is_varied(quality[seen[:, j], j])]
    if not varied:
        return found
    shared, deviation = _parts(p)
    common, own = _slopes(np.broadcast_to(shared, p.shape), deviation, quality, seen, varied)
    found.common[varied], found.own[varied] = common, own
    for j in varied:
        offset = (common * shared[:, 0] + own * deviation[:, j])[seen[:, j]]
        found.shift[j] = _shift(offset, float(quality[seen[:, j], j].mean()))
    return found


def _parts(p: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the mean logit of each prompt, shape (n, 1), and how each model differs from it, shape (n, m)."""
    score = logit(p)
    known = np.isfinite(score)
    shared = np.where(known, score, 0.0).sum(axis=1, keepdims=True) / np.maximum(
        known.sum(axis=1, keepdims=True), 1
    )
    return shared, score - shared


def _slopes(
    shared: FloatArray,
    deviation: FloatArray,
    quality: FloatArray,
    seen: NDArray[np.bool_],
    varied: list[int],
) -> tuple[float, float]:
    """Return the two slopes of one regression over the outcomes of all varied models, each with its own intercept."""
    model = np.concatenate([np.full(seen[:, j].sum(), j) for j in varied])
    columns = [np.concatenate([part[seen[:, j], j] for j in varied]) for part in (shared, deviation)]
    target = np.concatenate([quality[seen[:, j], j] for j in varied])
    own_intercept = (model[:, None] == varied[1:]).astype(np.float64)
    slopes = [0.0, 0.0]
    useful = [i for i, column in enumerate(columns) if np.ptp(column) > 1e-9]
    while useful:
        weights, _ = fit_logistic(
            np.column_stack([*(columns[i] for i in useful), own_intercept]), target, C=100.0
        )
        negative = [i for i, weight in zip(useful, weights, strict=False) if weight <= 0.0]
        if not negative:
            for i, weight in zip(useful, weights, strict=False):
                slopes[i] = float(weight)
            break
        useful = [i for i in useful if i not in negative]
    return slopes[0], slopes[1]


def _shift(offset: FloatArray, mean: float) -> float:
    """Return what must be added to the scores so that their mean probability is `mean`."""
    from scipy.optimize import brentq  # spares serving its import

    return float(brentq(lambda shift: sigmoid(offset + shift).mean() - mean, -STEEPEST_SHIFT, STEEPEST_SHIFT))


def cross_calibrated(p: FloatArray, quality: FloatArray, folds: NDArray[np.int64]) -> FloatArray:
    """Return p calibrated without the outcomes of its own fold; `folds` (n,) numbers the folds."""
    calibrated = np.full_like(p, np.nan)
    for fold in np.unique(folds):
        held = folds == fold
        calibrated[held] = fit_calibration(p[~held], quality[~held]).apply(p[held])
    return calibrated


def expected_calibration_error(p: FloatArray, y: FloatArray, bins: int = 15) -> float:
    """Return the mean gap between forecast and outcome over equal-width bins, weighted by their size.

    Missing values (NaN) are left out; with none left the error is NaN.
    """
    p, y = np.ravel(p), np.ravel(y)
    seen = ~(np.isnan(p) | np.isnan(y))
    p, y = p[seen], y[seen]
    if not len(p):
        return float("nan")
    place = np.minimum((p * bins).astype(np.int64), bins - 1)
    gaps = np.bincount(place, weights=p - y, minlength=bins)
    return float(np.abs(gaps).sum() / len(p))


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Outcomes with like forecasts: their mean forecast, mean quality, its standard error, and how many there are."""

    forecast: float
    quality: float
    standard_error: float
    n: int


def reliability(p: FloatArray, y: FloatArray, bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """Return the reliability diagram of forecasts p (n,) and quality y (n,), both in [0, 1], in equal-count bins.

    It is scikit-learn's `calibration_curve(strategy="quantile")` for any quality, which that takes only as 0 or 1, and
    with counts. Missing values (NaN) are left out; forecasts that are all alike make one bin.
    """
    seen = ~(np.isnan(p) | np.isnan(y))
    p, y = p[seen], y[seen]
    if not len(p):
        return ()
    edges = np.quantile(p, np.linspace(0.0, 1.0, bins + 1))
    place = np.searchsorted(edges[1:-1], p)
    found = []
    for one in np.unique(place):
        forecast, quality = p[place == one], y[place == one]
        error = float(quality.std() / np.sqrt(len(quality)))
        found.append(ReliabilityBin(float(forecast.mean()), float(quality.mean()), error, len(quality)))
    return tuple(found)
