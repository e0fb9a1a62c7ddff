"""What the estimators read: the prompt's vector beside its standardised surface features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_training.contract import Vectors

FEATURE_WEIGHT = 0.1  # one standard deviation of a surface feature, beside vectors of length 1
MOST_DEVIATIONS = 4.0


@dataclass(frozen=True, eq=False)
class InputScale:
    """Mean and standard deviation of each surface feature in training, shapes (k,)."""

    mean: Vectors
    deviation: Vectors

    @classmethod
    def of(cls, features: Vectors) -> InputScale:
        """Measure the scale of features (n, k); a feature that never varies is divided by 1."""
        deviation = features.std(axis=0)
        return cls(features.mean(axis=0), np.where(deviation > 1e-6, deviation, 1.0).astype(np.float32))

    def inputs(self, vectors: Vectors, features: Vectors) -> Vectors:
        """Return what estimators read, shape (n, d + k), float32."""
        scaled = np.clip((features - self.mean) / self.deviation, -MOST_DEVIATIONS, MOST_DEVIATIONS)
        return np.hstack([vectors, FEATURE_WEIGHT * scaled]).astype(np.float32)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was measured."""
        return {"mean": self.mean, "deviation": self.deviation}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> InputScale:
        """Rebuild from `to_arrays`."""
        return cls(
            np.asarray(arrays["mean"], dtype=np.float32), np.asarray(arrays["deviation"], dtype=np.float32)
        )
