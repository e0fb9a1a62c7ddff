"""What every success model shares: named options that scikit-learn can clone, and means that survive few labels."""

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


def sigmoid(score: NDArray[np.floating[Any]]) -> FloatArray:
    """Return 1 / (1 + exp(-score)) without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(score, dtype=np.float64))))


def logit(p: NDArray[np.floating[Any]], margin: float = 1e-4) -> FloatArray:
    """Return log(p / (1 - p)), with p first kept `margin` away from 0 and 1."""
    inner = np.clip(np.asarray(p, dtype=np.float64), margin, 1.0 - margin)
    return np.asarray(np.log(inner) - np.log1p(-inner))
