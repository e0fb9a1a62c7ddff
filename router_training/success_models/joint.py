"""Regression over all models at once: a shared difficulty of the prompt, and what each model makes of it.

The score of model j on prompt x is b_j + (w + v_j) . x: `w` is learnt from every outcome, the deviation `v_j` from that
model's own and shrunk harder, so that a model with few labels, or a grid with holes, borrows strength from the others
(Evgeniou and Pontil, "Regularized multi-task learning", 2004, section 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray, Vectors
from router_training.learning.estimation import Options, logit, shrunk_means, sigmoid

MOST_STEPS = 300


class Estimator(Options):
    """One L2-regularised regression of all models; a fractional quality counts as a success with that weight.

    Args:
        C: inverse strength of the regularisation of what the models share.
        own: the same of each model's deviation; near 0 all models rank prompts alike.
    """

    def __init__(self, C: float = 0.1, own: float = 0.05) -> None:
        self.C = C
        self.own = own

    def fit(self, X: Vectors, quality: FloatArray) -> Self:
        """Learn weights (m, d) and intercepts (m,); a model without any outcome gets the mean of all."""
        centre = X.mean(axis=0, dtype=np.float64)
        weights, intercepts = fit_joint(X - centre, quality, self.C, self.own)
        self.weights_ = weights.astype(np.float32)
        self.intercepts_ = intercepts - weights @ centre
        return self

    def predict(self, X: Vectors) -> FloatArray:
        """Return P(success), shape (n, m)."""
        return sigmoid(X @ self.weights_.T + self.intercepts_)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was learned."""
        options = np.array([self.C, self.own], dtype=np.float64)
        return {"weights": self.weights_, "intercepts": self.intercepts_, "options": options}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild a fitted estimator."""
        C, own = np.asarray(arrays["options"], dtype=np.float64).tolist()
        estimator = cls(C=C, own=own)
        estimator.weights_ = np.asarray(arrays["weights"], dtype=np.float32)
        estimator.intercepts_ = np.asarray(arrays["intercepts"], dtype=np.float64)
        return estimator


def fit_joint(X: FloatArray, quality: FloatArray, C: float, own: float) -> tuple[FloatArray, FloatArray]:
    """Return (weights (m, d), intercepts (m,)) for centred X (n, d) and quality (n, m), NaN where missing.

    It minimises the log loss plus |w|^2 / 2C + sum_j |v_j|^2 / 2 own; the intercepts are free but for one
    pseudo-outcome of each model's shrunk mean, which keeps a model that is always right from certainty.
    """
    from scipy.optimize import minimize  # spares serving its import

    m, d = quality.shape[1], X.shape[1]
    seen = ~np.isnan(quality)
    known, mean = np.where(seen, quality, 0.0), shrunk_means(quality)
    shared, deviation = np.sqrt(C), np.sqrt(own)

    def unpack(z: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        parts = z[m:].reshape(m + 1, d)
        return parts, shared * parts[0] + deviation * parts[1:], z[:m]

    def loss(z: FloatArray) -> tuple[float, FloatArray]:
        parts, weights, intercepts = unpack(z)
        score = X @ weights.T + intercepts
        error = np.where(seen, sigmoid(score) - known, 0.0)
        value = np.where(seen, np.logaddexp(0.0, score) - known * score, 0.0).sum() + 0.5 * (parts**2).sum()
        value += (np.logaddexp(0.0, intercepts) - mean * intercepts).sum()
        slope = error.T @ X
        parts_slope = parts + np.vstack([shared * slope.sum(axis=0), deviation * slope])
        return float(value), np.concatenate(
            [error.sum(axis=0) + sigmoid(intercepts) - mean, parts_slope.ravel()]
        )

    start = np.concatenate([logit(mean), np.zeros((m + 1) * d)])
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", options={"maxiter": MOST_STEPS, "ftol": 1e-10, "gtol": 1e-4}
    )
    _, weights, intercepts = unpack(found.x)
    absent = np.logical_not(seen.any(axis=0))
    return np.where(absent.reshape(m, 1), 0.0, weights), np.where(absent, logit(mean), intercepts)
