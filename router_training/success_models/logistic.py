"""Logistic regression per model, its weights shrunk toward zero, so its forecast toward the model's mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray, Vectors
from router_training.learning.estimation import Options, fit_logistic, is_varied, logit, shrunk_means, sigmoid


class Estimator(Options):
    """One L2-regularised regression per model; a fractional quality counts as a success with that weight.

    Args:
        C: inverse strength of the regularisation; the intercept is free, so C near 0 forecasts the mean.
    """

    def __init__(self, C: float = 0.1) -> None:
        self.C = C

    def fit(self, X: Vectors, quality: FloatArray) -> Self:
        """Learn weights (m, d) and intercepts (m,); a model whose outcomes are all alike keeps its mean."""
        n_models = quality.shape[1]
        self.weights_ = np.zeros((n_models, X.shape[1]), dtype=np.float32)
        self.intercepts_ = logit(shrunk_means(quality))
        for j in range(n_models):
            seen = ~np.isnan(quality[:, j])
            if is_varied(quality[seen, j]):
                weights, self.intercepts_[j] = fit_logistic(
                    X[seen].astype(np.float64), quality[seen, j], self.C
                )
                self.weights_[j] = weights
        return self

    def predict(self, X: Vectors) -> FloatArray:
        """Return P(success), shape (n, m)."""
        return sigmoid(X @ self.weights_.T + self.intercepts_)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was learned."""
        return {"weights": self.weights_, "intercepts": self.intercepts_, "C": np.float64(self.C).reshape(1)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild a fitted estimator."""
        estimator = cls(C=float(np.asarray(arrays["C"], dtype=np.float64)[0]))
        estimator.weights_ = np.asarray(arrays["weights"], dtype=np.float32)
        estimator.intercepts_ = np.asarray(arrays["intercepts"], dtype=np.float64)
        return estimator
