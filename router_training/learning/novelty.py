"""How far a prompt lies from everything seen in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray, Vectors

MOST_ANCHORS = 2048
ROWS_PER_BLOCK = 2048
FAR = 0.95
LEAST_SPREAD = (
    0.1  # of cosine distance; prompts from one template lie close together and would trust nothing else
)


@dataclass(frozen=True, eq=False)
class Novelty:
    """Training vectors to compare with, (a, d), and the sorted distances of training prompts, (t,).

    A distance is 1 - the cosine to the nearest anchor of another group.
    """

    anchors: Vectors
    distances: NDArray[np.float32]

    @classmethod
    def fit(cls, vectors: Vectors, groups: NDArray[np.int64], seed: int = 0) -> Novelty:
        """Keep at most MOST_ANCHORS training vectors (n, d); near-duplicates (`groups`) do not count as near."""
        chosen = np.random.default_rng(seed).permutation(len(vectors))[:MOST_ANCHORS]
        anchors = vectors[chosen].astype(np.float16).astype(np.float32)
        cosines = vectors[chosen] @ anchors.T
        cosines[groups[chosen][:, None] == groups[chosen][None, :]] = -1.0
        return cls(anchors, np.sort(1.0 - cosines.max(axis=1)).astype(np.float32))

    def distance(self, vectors: Vectors) -> FloatArray:
        """Return 1 - the cosine to the nearest anchor, shape (n,)."""
        blocks = [vectors[i : i + ROWS_PER_BLOCK] for i in range(0, len(vectors), ROWS_PER_BLOCK)]
        nearest = [1.0 - (block @ self.anchors.T).max(axis=1) for block in blocks]
        return np.asarray(np.concatenate(nearest) if nearest else np.zeros(0), dtype=np.float64)

    def score(self, vectors: Vectors) -> FloatArray:
        """Return the share of training prompts that lay closer to the rest than these do, shape (n,), in [0, 1]."""
        return self.rank(self.distance(vectors))

    def rank(self, distance: FloatArray) -> FloatArray:
        """Return the share of training prompts that lay closer than these distances (n,), shape (n,), in [0, 1]."""
        return np.searchsorted(self.distances, distance, side="left") / len(self.distances)

    @cached_property
    def _range(self) -> tuple[float, float]:
        """The distance that FAR of the training prompts stay below, and how far that lies beyond their median."""
        median, far = np.quantile(self.distances.astype(np.float64), [0.5, FAR])
        return float(far), max(float(far - median), LEAST_SPREAD)

    def trust(self, distance: FloatArray) -> FloatArray:
        """Return how far what was learned of prompts can be followed at these distances (n,), shape (n,), in [0, 1].

        It is exp(-(z / 2)^2), where z is the distance beyond that of FAR of the training prompts, in units of how far that
        lies beyond their median: 1 for what is like training (a rank could not tell how far beyond it a prompt lies),
        then falling smoothly to 0.
        """
        far, spread = self._range
        z = np.maximum(distance - far, 0.0) / spread
        return np.asarray(np.exp(-((z / 2.0) ** 2)))

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was learned."""
        return {"anchors": self.anchors.astype(np.float16), "distances": self.distances}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Novelty:
        """Rebuild from `to_arrays`."""
        return cls(
            np.asarray(arrays["anchors"], dtype=np.float32), np.asarray(arrays["distances"], dtype=np.float32)
        )
