"""Mean of a logistic regression and a cluster profile: one sees trends, the other sees regions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray, Vectors
from router_training.estimation import Options
from router_training.success_models import cluster, logistic


class Estimator(Options):
    """Averages the forecasts of `logistic` and `cluster`.

    Args:
        C: of the regression.
        k: number of cells.
        seed: of the first centres.
    """

    def __init__(self, C: float = 0.1, k: int = 32, seed: int = 0) -> None:
        self.C = C
        self.k = k
        self.seed = seed

    def fit(self, X: Vectors, quality: FloatArray) -> Self:
        """Fit both parts on the same rows."""
        self.logistic_ = logistic.Estimator(C=self.C).fit(X, quality)
        self.cluster_ = cluster.Estimator(k=self.k, seed=self.seed).fit(X, quality)
        return self

    def predict(self, X: Vectors) -> FloatArray:
        """Return P(success), shape (n, m)."""
        return 0.5 * (self.logistic_.predict(X) + self.cluster_.predict(X))

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that both parts learned."""
        parts = {"logistic": self.logistic_.to_arrays(), "cluster": self.cluster_.to_arrays()}
        return {f"{part}_{name}": array for part, arrays in parts.items() for name, array in arrays.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild a fitted estimator."""
        trend = logistic.Estimator.from_arrays(_part(arrays, "logistic_"))
        region = cluster.Estimator.from_arrays(_part(arrays, "cluster_"))
        estimator = cls(C=trend.C, k=region.k, seed=region.seed)
        estimator.logistic_, estimator.cluster_ = trend, region
        return estimator


def _part(arrays: Mapping[str, NDArray[np.generic]], start: str) -> dict[str, NDArray[np.generic]]:
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
