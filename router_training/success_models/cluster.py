"""Profiles of the regions that prompts fall into: soft k-means cells, each with the models' mean quality.

One clustering draws its borders by chance, so several are averaged (Breiman, "Bagging predictors", 1996, section 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray, Vectors
from router_training.learning.estimation import Options, shrunk_means

FEWEST_PER_CELL = 20  # on average; with fewer, cells would be drawn all the way to the overall mean


class Estimator(Options):
    """Averages over clusterings the models' mean quality in the cells near a prompt, drawn toward the overall mean.

    Args:
        k: cells of a clustering.
        bags: clusterings, each from first centres of its own.
        sharpness: a cell weighs exp(-sharpness * squared distance to its centre).
        strength: weight of the model's mean, in outcomes.
        seed: of the first centres.
    """

    def __init__(
        self, k: int = 96, bags: int = 5, sharpness: float = 16.0, strength: float = 20.0, seed: int = 0
    ) -> None:
        self.k = k
        self.bags = bags
        self.sharpness = sharpness
        self.strength = strength
        self.seed = seed

    def fit(self, X: Vectors, quality: FloatArray) -> Self:
        """Learn the centres (bags, k, d) and the profiles (bags, k, m)."""
        from sklearn.cluster import MiniBatchKMeans  # spares serving its import

        k = max(1, min(self.k, len(X) // FEWEST_PER_CELL))
        self.centres_ = np.stack(
            [
                MiniBatchKMeans(k, random_state=self.seed + bag, n_init=1, batch_size=1024)
                .fit(X)
                .cluster_centers_
                for bag in range(self.bags)
            ]
        ).astype(np.float32)
        seen = ~np.isnan(quality)
        known, mean = np.where(seen, quality, 0.0), shrunk_means(quality)
        weight = self._weights(X)
        mass = np.einsum("nbk,nm->bkm", weight, seen, optimize=True)
        hits = np.einsum("nbk,nm->bkm", weight, known, optimize=True)
        self.profile_ = (hits + self.strength * mean) / (mass + self.strength)
        return self

    def _weights(self, X: Vectors) -> FloatArray:
        """Return how much each cell weighs for each row, shape (n, bags, k); a row's weights sum to `bags`."""
        bags, k, d = self.centres_.shape
        nearness = 2.0 * (X @ self.centres_.reshape(bags * k, d).T).reshape(len(X), bags, k)
        nearness -= np.sum(self.centres_**2, axis=2)
        weight = np.exp(self.sharpness * (nearness - nearness.max(axis=2, keepdims=True)).astype(np.float64))
        return np.asarray(weight / weight.sum(axis=2, keepdims=True))

    def predict(self, X: Vectors) -> FloatArray:
        """Return P(success), shape (n, m)."""
        bags, k, m = self.profile_.shape
        p = self._weights(X).reshape(len(X), bags * k) @ self.profile_.reshape(bags * k, m)
        return np.asarray(np.clip(p / bags, 0.0, 1.0))

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was learned."""
        options = np.array(list(self.get_params().values()), dtype=np.float64)
        return {"centres": self.centres_, "profile": self.profile_, "options": options}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild a fitted estimator."""
        k, bags, sharpness, strength, seed = np.asarray(arrays["options"], dtype=np.float64).tolist()
        estimator = cls(int(k), int(bags), sharpness, strength, int(seed))
        estimator.centres_ = np.asarray(arrays["centres"], dtype=np.float32)
        estimator.profile_ = np.asarray(arrays["profile"], dtype=np.float64)
        return estimator
