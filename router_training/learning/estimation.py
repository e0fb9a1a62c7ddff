"""What estimators share: options that scikit-learn can clone, means that survive few labels, soft-label regression."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray


class Options:
    """Constructor arguments kept under their own names, as scikit-learn's `clone` expects."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor arguments by name."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}


def shrunk_means(quality: FloatArray, strength: float = 1.0) -> FloatArray:
    """Return each model's mean quality, shape (m,), drawn toward the mean of all by `strength` pseudo-outcomes.

    Models without any outcome get the mean of all; with no outcome at all, 0.5.
    """
    seen = ~np.isnan(quality)
    overall = float(np.nanmean(quality)) if seen.any() else 0.5
    sums = np.where(seen, quality, 0.0).sum(axis=0)
    means: FloatArray = (sums + strength * overall) / (seen.sum(axis=0) + strength)
    return means


def fit_logistic(X: FloatArray, quality: FloatArray, C: float) -> tuple[FloatArray, float]:
    """Return (weights (d,), intercept) of an L2-regularised regression of quality (n,) on X (n, d).

    A fractional quality counts as a success with that weight. Quality must not be all 0 or all 1.
    """
    from sklearn.linear_model import LogisticRegression  # spares serving its import

    hit, miss = quality > 0.0, quality < 1.0
    rows = np.concatenate([X[hit], X[miss]])
    labels = np.repeat([1, 0], [hit.sum(), miss.sum()])
    weights = np.concatenate([quality[hit], 1.0 - quality[miss]])
    solver = "newton-cholesky" if X.shape[1] < 100 else "lbfgs"
    model = LogisticRegression(C=C, solver=solver, max_iter=2000).fit(rows, labels, sample_weight=weights)
    return np.asarray(model.coef_[0], dtype=np.float64), float(model.intercept_[0])


def is_varied(quality: FloatArray) -> bool:
    """Tell whether quality (n,) is neither empty, nor all 0, nor all 1."""
    return bool(quality.any() and (quality < 1.0).any())


def sigmoid(score: NDArray[np.floating[Any]]) -> FloatArray:
    """Return 1 / (1 + exp(-score)) without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(score, dtype=np.float64))))


def logit(p: NDArray[np.floating[Any]], margin: float = 1e-4) -> FloatArray:
    """Return log(p / (1 - p)), with p first kept `margin` away from 0 and 1."""
    inner = np.clip(np.asarray(p, dtype=np.float64), margin, 1.0 - margin)
    return np.asarray(np.log(inner) - np.log1p(-inner))
