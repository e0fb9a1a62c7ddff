"""Which model is the cheapest viable one: one classifier over that question, and what each answer says of every model.

Class k of a task: the k-th cheapest model is the cheapest that succeeds; the last class: none does. A multinomial
regression forecasts the class, and P(success of model j | x) = sum_k P(class k | x) * P(success of j | class k), the second
factor being a table of means. It is honest where, given the class, success no longer depends on the prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray, Vectors
from router_training.learning.estimation import Options, shrunk_means

ROUNDS = 2
STRENGTH = 5.0  # outcomes that draw the table toward each model's mean


class Estimator(Options):
    """A multinomial regression on the cheapest viable model; missing outcomes are filled with what was forecast.

    Args:
        C: inverse strength of the regularisation.
        order: columns from the cheapest model to the dearest; by mean quality, the weakest first, where None.
    """

    def __init__(self, C: float = 0.1, order: Sequence[int] | None = None) -> None:
        self.C = C
        self.order = order

    def fit(self, X: Vectors, quality: FloatArray) -> Self:
        """Learn the classes' weights (k, d), intercepts (k,) and the table (k, m)."""
        seen, mean = ~np.isnan(quality), shrunk_means(quality)
        order = (
            np.argsort(mean, kind="stable") if self.order is None else np.array(self.order, dtype=np.int64)
        )
        order = order[np.asarray(seen.any(axis=0))[order]]
        known = np.where(seen, quality, 0.0)
        centre = X.mean(axis=0, dtype=np.float64)
        filled = np.where(seen, quality, mean)
        for _ in range(1 if seen[:, order].all() else ROUNDS):
            share = _classes(filled[:, order])
            mass = share.T @ seen.astype(np.float64)
            self.table_ = (share.T @ known + STRENGTH * mean) / (mass + STRENGTH)
            weights, intercepts = _fit_classes(X - centre, share, self.C)
            self.weights_, self.intercepts_ = weights.astype(np.float32), intercepts - weights @ centre
            filled = np.where(seen, quality, self.predict(X))
        return self

    def predict(self, X: Vectors) -> FloatArray:
        """Return P(success), shape (n, m)."""
        return np.clip(_softmax(X @ self.weights_.T + self.intercepts_) @ self.table_, 0.0, 1.0)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was learned."""
        order = np.array([] if self.order is None else self.order, dtype=np.int64)
        learned = {"weights": self.weights_, "intercepts": self.intercepts_, "table": self.table_}
        return {**learned, "C": np.array([self.C]), "order": order}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild a fitted estimator."""
        order = tuple(np.asarray(arrays["order"], dtype=np.int64).tolist())
        estimator = cls(C=float(np.asarray(arrays["C"], dtype=np.float64)[0]), order=order or None)
        estimator.weights_ = np.asarray(arrays["weights"], dtype=np.float32)
        estimator.intercepts_ = np.asarray(arrays["intercepts"], dtype=np.float64)
        estimator.table_ = np.asarray(arrays["table"], dtype=np.float64)
        return estimator


def _classes(quality: FloatArray) -> FloatArray:
    """Return how much each task belongs to each class, shape (n, m + 1), given quality (n, m) from cheap to dear.

    A fractional quality is the probability of being viable; rows sum to 1.
    """
    failed = np.cumprod(1.0 - quality, axis=1)
    before = np.hstack([np.ones((len(quality), 1)), failed[:, :-1]])
    return np.hstack([before * quality, failed[:, -1:]])


def _softmax(score: FloatArray) -> FloatArray:
    p = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(p / p.sum(axis=1, keepdims=True), dtype=np.float64)


def _fit_classes(X: FloatArray, share: FloatArray, C: float) -> tuple[FloatArray, FloatArray]:
    """Return (weights (k, d), intercepts (k,)) of an L2-regularised multinomial regression of shares (n, k).

    A pseudo-task of the mean share at X = 0 keeps a class that never occurs at a finite distance.
    """
    from scipy.optimize import minimize  # spares serving its import

    k, d = share.shape[1], X.shape[1]
    mean = (share.sum(axis=0) + 1.0 / k) / (len(X) + 1.0)

    def loss(z: FloatArray) -> tuple[float, FloatArray]:
        intercepts, weights = z[:k], z[k:].reshape(k, d)
        p, at_centre = _softmax(X @ weights.T + intercepts), _softmax(intercepts[None])[0]
        error, pull = p - share, at_centre - mean
        value = -(share * np.log(p + 1e-300)).sum() - float(mean @ np.log(at_centre + 1e-300))
        slope = error.T @ X + weights / C
        return value + float((weights**2).sum()) / (2.0 * C), np.concatenate(
            [error.sum(axis=0) + pull, slope.ravel()]
        )

    start = np.concatenate([np.log(mean), np.zeros(k * d)])
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300, "ftol": 1e-10, "gtol": 1e-4}
    )
    return found.x[k:].reshape(k, d), found.x[:k]
