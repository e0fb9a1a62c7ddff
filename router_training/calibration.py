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


def _platt(score: FloatArray, quality: FloatArray) -> tuple[float, float]:
    if not is_varied(quality):
        return 1.0, 0.0
    mean_only = (0.0, float(logit(np.array([quality.mean()]))[0]))
    if np.ptp(score) < 1e-9:
        return mean_only
    weights, shift = fit_logistic(score[:, None], quality, C=1.0)
    return (float(weights[0]), shift) if weights[0] > 0.0 else mean_only
