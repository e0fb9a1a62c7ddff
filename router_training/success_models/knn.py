"""Profile of the nearest training prompts: a similarity-weighted mean of their outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray, Vectors
from router_training.learning.estimation import Options, shrunk_means
from router_training.learning.neighbours import (
    MOST_EXACT,
    Neighbours,
    keep_rows,
    neighbours_from_arrays,
    recall,
)

MOST_ROWS = 32_768  # 31 MB with the index at 396 inputs; on 7,000 to 9,000 rows, half of them cost a tenth of the lift
ROWS_PER_BLOCK = 1024


class Estimator(Options):
    """Averages the outcomes of the k nearest training rows, drawn toward each model's mean.

    Args:
        k: neighbours per prompt.
        sharpness: a neighbour weighs exp(sharpness * (its cosine - the nearest one's)).
        strength: weight of the model's mean, in neighbours.
    """

    def __init__(self, k: int = 100, sharpness: float = 4.0, strength: float = 10.0) -> None:
        self.k = k
        self.sharpness = sharpness
        self.strength = strength

    def fit(self, X: Vectors, quality: FloatArray) -> Self:
        """Keep the rows, at most MOST_ROWS evenly spaced ones; an index searches many, finding `recall_` of k."""
        kept = np.unique(np.linspace(0, len(X) - 1, min(len(X), MOST_ROWS)).astype(np.int64))
        rows = _unit(X[kept])
        self.mean_ = shrunk_means(quality)
        self._keep(keep_rows(rows), quality[kept].astype(np.float32))
        self.recall_ = recall(self.near_, rows, min(self.k, len(rows))) if len(rows) > MOST_EXACT else 1.0
        return self

    def _keep(self, near: Neighbours, quality: NDArray[np.float32]) -> Self:
        if len(near) != len(quality):
            raise ValueError(f"{len(near)} rows to search, but outcomes of {len(quality)}")
        self.near_, self.quality_ = near, quality
        self._seen = ~np.isnan(quality)
        self._known = np.where(self._seen, quality, 0.0)
        return self

    def predict(self, X: Vectors) -> FloatArray:
        """Return P(success), shape (n, m)."""
        blocks = [self._predict(_unit(X[i : i + ROWS_PER_BLOCK])) for i in range(0, len(X), ROWS_PER_BLOCK)]
        return np.vstack(blocks) if blocks else np.zeros((0, len(self.mean_)))

    def _predict(self, X: Vectors) -> FloatArray:
        near, nearest = self.near_.search(X, min(self.k, len(self.near_)))
        weight = np.exp(self.sharpness * (near - near.max(axis=1, keepdims=True)))
        hits = np.einsum("nk,nkm->nm", weight, self._known[nearest])
        mass = np.einsum("nk,nkm->nm", weight, self._seen[nearest].astype(np.float32))
        p: FloatArray = (hits + self.strength * self.mean_) / (mass + self.strength)
        return np.clip(p, 0.0, 1.0)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was learned."""
        options = np.array([self.k, self.sharpness, self.strength, self.recall_], dtype=np.float64)
        return {**self.near_.to_arrays(), "quality": self.quality_, "mean": self.mean_, "options": options}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild a fitted estimator."""
        k, sharpness, strength, found = np.asarray(arrays["options"], dtype=np.float64).tolist()
        estimator = cls(k=int(k), sharpness=sharpness, strength=strength)
        estimator.mean_ = np.asarray(arrays["mean"], dtype=np.float64)
        quality = np.asarray(arrays["quality"], dtype=np.float32)
        estimator.recall_ = found
        return estimator._keep(neighbours_from_arrays(arrays), quality)


def _unit(X: Vectors) -> Vectors:
    lengths = np.linalg.norm(X, axis=1, keepdims=True)
    return np.asarray(X / np.maximum(lengths, 1e-12), dtype=np.float32)
