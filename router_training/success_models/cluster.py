"""Profile of the cell of the prompt space: each cell keeps every model's mean there, softly blended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray, Vectors
from router_training.learning.estimation import Options, shrunk_means


class Estimator(Options):
    """k-means cells with the models' mean quality in each, drawn toward the overall mean.

    Args:
        k: number of cells.
        sharpness: a cell weighs exp(-sharpness * squared distance to its centre).
        strength: weight of the model's mean, in outcomes.
        seed: of the first centres.
    """

    def __init__(self, k: int = 48, sharpness: float = 16.0, strength: float = 20.0, seed: int = 0) -> None:
        self.k = k
        self.sharpness = sharpness
        self.strength = strength
        self.seed = seed

    def fit(self, X: Vectors, quality: FloatArray) -> Self:
        """Learn the centres (k, d) and the profile (k, m)."""
        from sklearn.cluster import MiniBatchKMeans  # spares serving its import

        k = min(self.k, len(X))
        clusters = MiniBatchKMeans(k, random_state=self.seed, n_init=1, batch_size=1024).fit(X)
        self.centres_ = clusters.cluster_centers_.astype(np.float32)
        weight = self._weights(X)
        seen = ~np.isnan(quality)
        mass = weight.T @ seen
        hits = weight.T @ np.where(seen, quality, 0.0)
        self.profile_ = (hits + self.strength * shrunk_means(quality)) / (mass + self.strength)
        return self

    def _weights(self, X: Vectors) -> FloatArray:
        squared = np.sum(self.centres_**2, axis=1) - 2.0 * (X @ self.centres_.T)
        weight = np.exp(-self.sharpness * (squared - squared.min(axis=1, keepdims=True)).astype(np.float64))
        return np.asarray(weight / weight.sum(axis=1, keepdims=True))

    def predict(self, X: Vectors) -> FloatArray:
        """Return P(success), shape (n, m)."""
        return np.clip(self._weights(X) @ self.profile_, 0.0, 1.0)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was learned."""
        options = np.array([self.k, self.sharpness, self.strength, self.seed], dtype=np.float64)
        return {"centres": self.centres_, "profile": self.profile_, "options": options}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild a fitted estimator."""
        k, sharpness, strength, seed = np.asarray(arrays["options"], dtype=np.float64).tolist()
        estimator = cls(k=int(k), sharpness=sharpness, strength=strength, seed=int(seed))
        estimator.centres_ = np.asarray(arrays["centres"], dtype=np.float32)
        estimator.profile_ = np.asarray(arrays["profile"], dtype=np.float64)
        return estimator
