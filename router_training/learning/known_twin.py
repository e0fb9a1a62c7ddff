"""What the shuffled-label twin of a policy forecasts of the tasks that the policy is judged on, kept beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray
from router_training.outcomes import OutcomeTable


@dataclass(frozen=True, eq=False)
class KnownTwin:
    """P(success) (n, m) by the twin for the n tasks of the table with this digest.

    In everything else, tokens and costs, the twin forecasts what the policy does: only its labels were dealt to others.
    """

    digest: str
    p_success: FloatArray

    def fits(self, table: OutcomeTable, models: tuple[str, ...]) -> bool:
        """Tell whether this is of these very tasks and models."""
        return self.p_success.shape == (len(table), len(models)) and self.digest == table.digest

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the forecasts in single precision, and the digest as text."""
        return {"digest": np.array(self.digest), "p_success": self.p_success.astype(np.float32)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild from `to_arrays`."""
        return cls(str(arrays["digest"]), np.asarray(arrays["p_success"], dtype=np.float64))
