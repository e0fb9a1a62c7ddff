"""The best constant: every prompt gets each model's mean quality. The baseline that others must beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray, Vectors
from router_training.learning.estimation import Options, shrunk_means


class Estimator(Options):
    """Knows each model's mean and nothing of the prompt."""

    def fit(self, X: Vectors, quality: FloatArray) -> Self:
        """Learn each model's mean quality."""
        self.mean_ = shrunk_means(quality)
        return self

    def predict(self, X: Vectors) -> FloatArray:
        """Return the same row for every prompt, shape (n, m)."""
        return np.tile(self.mean_, (len(X), 1))

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was learned."""
        return {"mean": self.mean_}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild a fitted estimator."""
        estimator = cls()
        estimator.mean_ = np.asarray(arrays["mean"], dtype=np.float64)
        return estimator
