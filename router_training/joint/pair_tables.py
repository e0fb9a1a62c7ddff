"""How models succeed and fail together: above all, how often two of them give the same wrong answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray
from router_training.joint.answer_grid import AnswerGrid
from router_training.learning.estimation import logit, shrunk_means

PSEUDO_TASKS = 4.0
USUAL_AGREEMENT_IF_RIGHT, USUAL_AGREEMENT_IF_WRONG = 0.7, 0.15
USUAL_RESCUE, USUAL_SUPPORT = 0.3, 0.8


@dataclass(frozen=True, eq=False)
class PairTables:
    """Arrays (m, m), row i, column j; `skill` (m,) is log-odds of success, `precision` (m,) that of answers others share.

    `same_wrong`: P(j says the same | i is wrong), the rate of agreeing wrong answers. `on` and `off`: log-likelihood
    ratio that i is right if j agrees or does not. `rescue`: P(j is right | i is wrong); `support`: P(j right | i right).
    """

    skill: FloatArray
    precision: FloatArray
    same_wrong: FloatArray
    on: FloatArray
    off: FloatArray
    rescue: FloatArray
    support: FloatArray

    @classmethod
    def of(cls, grid: AnswerGrid) -> Self:
        """Count in a grid; rates are drawn towards usual ones by PSEUDO_TASKS tasks."""
        right, wrong = grid.quality, 1.0 - grid.quality
        same = grid.agrees.astype(np.float64)

        def rate(met: FloatArray, of: FloatArray, usual: float) -> FloatArray:
            rates: FloatArray = (met + PSEUDO_TASKS * usual) / (of.sum(axis=0)[:, None] + PSEUDO_TASKS)
            return rates

        if_right = rate(np.einsum("nij,ni->ij", same, right), right, USUAL_AGREEMENT_IF_RIGHT)
        same_wrong = rate(np.einsum("nij,ni->ij", same, wrong), wrong, USUAL_AGREEMENT_IF_WRONG)
        shared = same.sum(axis=2) - same.diagonal(axis1=1, axis2=2)
        return cls(
            skill=logit(shrunk_means(right)),
            precision=((shared * right).sum(axis=0) + PSEUDO_TASKS)
            / (shared.sum(axis=0) + PSEUDO_TASKS + 1.0),
            same_wrong=same_wrong,
            on=np.log(if_right / same_wrong),
            off=np.log((1.0 - if_right) / (1.0 - same_wrong)),
            rescue=rate(np.einsum("ni,nj->ij", wrong, right), wrong, USUAL_RESCUE),
            support=rate(np.einsum("ni,nj->ij", right, right), right, USUAL_SUPPORT),
        )

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was counted."""
        return {f"pairs_{field.name}": getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild from `to_arrays`."""
        return cls(**{f.name: np.asarray(arrays[f"pairs_{f.name}"], dtype=np.float64) for f in fields(cls)})
