"""Mean of a regression, a cluster profile and a neighbour profile: trends, regions and near examples err differently."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray, SuccessModel, Vectors
from router_training.learning.estimation import Options
from router_training.success_models import cluster, knn, logistic


class Estimator(Options):
    """Averages the forecasts of `logistic`, `cluster` and `knn`.

    Args:
        C: of the regression.
        cells: of the cluster profile.
        k: neighbours.
        seed: of the first centres.
    """

    def __init__(self, C: float = 0.2, cells: int = 48, k: int = 100, seed: int = 0) -> None:
        self.C = C
        self.cells = cells
        self.k = k
        self.seed = seed

    def fit(self, X: Vectors, quality: FloatArray) -> Self:
        """Fit all parts on the same rows."""
        self.logistic_ = logistic.Estimator(C=self.C).fit(X, quality)
        self.cluster_ = cluster.Estimator(k=self.cells, seed=self.seed).fit(X, quality)
        self.knn_ = knn.Estimator(k=self.k).fit(X, quality)
        return self

    @property
    def recall_(self) -> float:
        """Share of the nearest rows that its neighbour profile finds."""
        return self.knn_.recall_

    def predict(self, X: Vectors) -> FloatArray:
        """Return P(success), shape (n, m)."""
        return (self.logistic_.predict(X) + self.cluster_.predict(X) + self.knn_.predict(X)) / 3.0

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that the parts learned."""
        parts: dict[str, SuccessModel] = {
            "logistic": self.logistic_,
            "cluster": self.cluster_,
            "knn": self.knn_,
        }
        return {
            f"{part}_{name}": array for part, fit in parts.items() for name, array in fit.to_arrays().items()
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild a fitted estimator."""
        trend = logistic.Estimator.from_arrays(_part(arrays, "logistic_"))
        region = cluster.Estimator.from_arrays(_part(arrays, "cluster_"))
        near = knn.Estimator.from_arrays(_part(arrays, "knn_"))
        estimator = cls(C=trend.C, cells=region.k, k=near.k, seed=region.seed)
        estimator.logistic_, estimator.cluster_, estimator.knn_ = trend, region, near
        return estimator


def _part(arrays: Mapping[str, NDArray[np.generic]], start: str) -> dict[str, NDArray[np.generic]]:
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
