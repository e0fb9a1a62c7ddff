"""A model that joined after training: its success read off the forecasts of the models that were there before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray
from router_training.learning.estimation import logit, sigmoid

STRENGTH = 16.0  # precision of the prior of each weight
CAUTION = 1.0  # standard errors by which the new model is forecast below what its labels say
STEPS = 30


@dataclass(frozen=True, eq=False)
class AddedModel:
    """logit p_new = intercept + weights . logit p of the m models before it; it becomes column `position`."""

    position: int
    weights: FloatArray
    intercept: float

    def forecast(self, p: NDArray[np.floating[Any]]) -> FloatArray:
        """Return P(success) of the new model, shape (n,), given that of the others, shape (n, m)."""
        return sigmoid(logit(p) @ self.weights + self.intercept)

    def extend(self, p: NDArray[np.floating[Any]]) -> FloatArray:
        """Return p (n, m) with the new model's column, shape (n, m + 1)."""
        return np.asarray(np.insert(p, self.position, self.forecast(p), axis=1))

    def to_array(self) -> FloatArray:
        """Return all numbers in one row: position, intercept, weights."""
        return np.array([self.position, self.intercept, *self.weights])

    @classmethod
    def from_array(cls, row: NDArray[np.generic]) -> Self:
        """Rebuild from `to_array`."""
        position, intercept, *weights = np.asarray(row, dtype=np.float64).tolist()
        return cls(int(position), np.array(weights), intercept)


def fit_added(p: FloatArray, quality: FloatArray, position: int) -> AddedModel:
    """Learn from the others' forecasts p (n, m) and the new model's quality (n,), n at least 1.

    Maximum a posteriori logistic regression by Newton's method. A priori the new model ranks prompts as the others do
    on average (each weight is 1 / m), and one pseudo-outcome of their mean keeps it from certainty. The
    intercept is then lowered by CAUTION posterior standard errors of its mean score (Laplace approximation): with
    few labels a lucky model is not taken for a good one.
    """
    score = logit(p)
    n, m = score.shape
    prior_mean = float(p.mean())
    rows = np.vstack([np.column_stack([np.ones(n), score]), [1.0, *score.mean(axis=0)]])
    target = np.append(quality, prior_mean)
    prior = np.array([0.0, *np.full(m, 1.0 / m)])
    precision = np.diag([1e-6, *np.full(m, STRENGTH)])
    mean = (quality.sum() + prior_mean) / (n + 1.0)
    weights = prior + np.eye(m + 1)[0] * (logit(np.array([mean]))[0] - score.mean())
    curvature = precision
    for _ in range(STEPS):
        expected = sigmoid(rows @ weights)
        curvature = (rows * (expected * (1.0 - expected))[:, None]).T @ rows + precision
        slope = rows.T @ (expected - target) + precision @ (weights - prior)
        step = np.linalg.solve(curvature, slope)
        weights = weights - step / max(1.0, float(np.abs(step).max()))
    error = np.sqrt(rows[-1] @ np.linalg.solve(curvature, rows[-1]))
    return AddedModel(position, weights[1:], float(weights[0] - CAUTION * error))


def rebuild_added(arrays: Mapping[str, NDArray[np.generic]]) -> tuple[AddedModel, ...]:
    """Return the added models in the order in which they joined; the arrays are numbered from 0."""
    return tuple(AddedModel.from_array(arrays[str(i)]) for i in range(len(arrays)))
