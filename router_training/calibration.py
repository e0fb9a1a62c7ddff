"""Raw scores to probabilities that hold: Platt scaling on out-of-fold logits, and how far off they are.

Platt, "Probabilistic outputs for support vector machines" (1999); the error is that of Guo et al., "On calibration
of modern neural networks" (2017), section 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray
from router_training.learning.estimation import fit_logistic, is_varied, logit, sigmoid


@dataclass(frozen=True, eq=False)
class Calibration:
    """p -> sigmoid(slope * logit(p) + shift), one slope and shift per model, shapes (m,); slopes are never negative."""

    slope: FloatArray
    shift: FloatArray

    def apply(self, p: FloatArray) -> FloatArray:
        """Return calibrated probabilities, shape (n, m)."""
        return sigmoid(self.slope * logit(p) + self.shift)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was learned."""
        return {"slope": self.slope, "shift": self.shift}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Calibration:
        """Rebuild from `to_arrays`."""
        return cls(
            np.asarray(arrays["slope"], dtype=np.float64), np.asarray(arrays["shift"], dtype=np.float64)
        )


def identity(n_models: int) -> Calibration:
    """Return the calibration that changes nothing."""
    return Calibration(np.ones(n_models), np.zeros(n_models))


def fit_calibration(p: FloatArray, quality: FloatArray) -> Calibration:
    """Learn from out-of-fold forecasts p (n, m) and quality (n, m), NaN where either is missing.

    A model whose forecasts rank its outcomes no better than chance gets slope 0: its mean for every prompt.
    """
    slopes, shifts = np.ones(p.shape[1]), np.zeros(p.shape[1])
    for j in range(p.shape[1]):
        seen = ~(np.isnan(p[:, j]) | np.isnan(quality[:, j]))
        slopes[j], shifts[j] = _platt(logit(p[seen, j]), quality[seen, j])
    return Calibration(slopes, shifts)


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


def _platt(score: FloatArray, quality: FloatArray) -> tuple[float, float]:
    if not is_varied(quality):
        return 1.0, 0.0
    mean_only = (0.0, float(logit(np.array([quality.mean()]))[0]))
    if np.ptp(score) < 1e-9:
        return mean_only
    weights, shift = fit_logistic(score[:, None], quality, C=1.0)
    return (float(weights[0]), shift) if weights[0] > 0.0 else mean_only
