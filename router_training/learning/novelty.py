"""How far a prompt lies from everything seen in training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray, Vectors

MOST_ANCHORS = 2048
ROWS_PER_BLOCK = 2048


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

    def score(self, vectors: Vectors) -> FloatArray:
        """Return the share of training prompts that lay closer to the rest than these do, shape (n,), in [0, 1]."""
        blocks = [vectors[i : i + ROWS_PER_BLOCK] for i in range(0, len(vectors), ROWS_PER_BLOCK)]
        nearest = [1.0 - (block @ self.anchors.T).max(axis=1) for block in blocks]
        distance = np.concatenate(nearest) if nearest else np.zeros(0)
        return np.searchsorted(self.distances, distance, side="left") / len(self.distances)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was learned."""
        return {"anchors": self.anchors.astype(np.float16), "distances": self.distances}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Novelty:
        """Rebuild from `to_arrays`."""
        return cls(
            np.asarray(arrays["anchors"], dtype=np.float32), np.asarray(arrays["distances"], dtype=np.float32)
        )
