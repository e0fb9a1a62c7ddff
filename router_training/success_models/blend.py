"""Mean of unlike estimators: trends, regions, near examples and thresholds err differently.

Choosing rests on small differences between models, which any one estimator learns mostly as noise; the mean keeps
what several agree on (Wolpert, "Stacked generalization", 1992, with fixed weights, which cost no labels).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray, SuccessModel, Vectors
from router_training.learning.estimation import Options
from router_training.success_models import boosting, cluster, knn, logistic

WEIGHTS = {"logistic": 1.0, "cluster": 2.0, "knn": 2.0, "boosting": 1.0}


class Estimator(Options):
    """Averages the forecasts of `logistic`, `cluster`, `knn` and `boosting`, weighted by WEIGHTS.

    Args:
        C: of the regression.
        cells: of each clustering.
        k: neighbours.
        seed: of the first centres and of the trees.
    """

    def __init__(self, C: float = 0.1, cells: int = 96, k: int = 100, seed: int = 0) -> None:
        self.C = C
        self.cells = cells
        self.k = k
        self.seed = seed

    def fit(self, X: Vectors, quality: FloatArray) -> Self:
        """Fit all parts on the same rows."""
        self.logistic_ = logistic.Estimator(C=self.C).fit(X, quality)
        self.cluster_ = cluster.Estimator(k=self.cells, seed=self.seed).fit(X, quality)
        self.knn_ = knn.Estimator(k=self.k).fit(X, quality)
        self.boosting_ = boosting.Estimator(seed=self.seed).fit(X, quality)
        return self

    def mean_of(self) -> list[tuple[str, dict[str, float], float]]:
        """Return name, options and share of each part: who knows their forecasts need not fit them again."""
        options: dict[str, dict[str, float]] = {
            "logistic": {"C": self.C},
            "cluster": {"k": self.cells},
            "knn": {"k": self.k},
            "boosting": {},
        }
        return [(name, options[name], weight / sum(WEIGHTS.values())) for name, weight in WEIGHTS.items()]

    def _parts(self) -> dict[str, SuccessModel]:
        return {
            "logistic": self.logistic_,
            "cluster": self.cluster_,
            "knn": self.knn_,
            "boosting": self.boosting_,
        }

    @property
    def recall_(self) -> float:
        """Share of the nearest rows that its neighbour profile finds."""
        return self.knn_.recall_

    def predict(self, X: Vectors) -> FloatArray:
        """Return P(success), shape (n, m)."""
        weighted = [WEIGHTS[name] * part.predict(X) for name, part in self._parts().items()]
        return np.asarray(np.sum(weighted, axis=0) / sum(WEIGHTS.values()))

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that the parts learned."""
        options = np.array([self.C, self.cells, self.k, self.seed], dtype=np.float64)
        learned = {
            f"{name}.{key}": array
            for name, part in self._parts().items()
            for key, array in part.to_arrays().items()
        }
        return {"options": options, **learned}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild a fitted estimator."""
        C, cells, k, seed = np.asarray(arrays["options"], dtype=np.float64).tolist()
        estimator = cls(C, int(cells), int(k), int(seed))
        estimator.logistic_ = logistic.Estimator.from_arrays(_part(arrays, "logistic"))
        estimator.cluster_ = cluster.Estimator.from_arrays(_part(arrays, "cluster"))
        estimator.knn_ = knn.Estimator.from_arrays(_part(arrays, "knn"))
        estimator.boosting_ = boosting.Estimator.from_arrays(_part(arrays, "boosting"))
        return estimator


def _part(arrays: Mapping[str, NDArray[np.generic]], name: str) -> dict[str, NDArray[np.generic]]:
    start = f"{name}."
    return {key.removeprefix(start): array for key, array in arrays.items() if key.startswith(start)}
