"""One dial between quality and cost: which model a forecast chooses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from router_training.contract import Forecasts, UsageError


def decide(
    forecasts: Forecasts, dial: float, usd_scale: float, allowed: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Return the position of the chosen model per prompt, shape (n,).

    At dial d the choice maximises d * p_success - (1 - d) * usd / usd_scale. Ties go to the cheaper model, then to
    the name that sorts first, so that the order of the models changes nothing.

    Args:
        forecasts: of n prompts and m models.
        dial: in [0, 1]; 1 wants it right, 0 wants it cheap.
        usd_scale: USD per task that count as much as certain success at dial 0.5; above 0.
        allowed: which models may be chosen, shape (n, m), at least one per prompt; None allows all.

    Raises:
        UsageError: if the dial lies outside [0, 1].
    """
    if not 0.0 <= dial <= 1.0:
        raise UsageError(f"dial is {dial!r}, but must lie in [0, 1]; 0 wants it cheap, 1 wants it right")
    order = np.array(sorted(range(len(forecasts.models)), key=forecasts.models.__getitem__), dtype=np.int64)
    p, usd = forecasts.p_success[:, order], forecasts.usd[:, order]
    utility = dial * p - (1.0 - dial) * usd / usd_scale
    if allowed is not None:
        utility = np.where(allowed[:, order], utility, -np.inf)
    best = utility == utility.max(axis=1, keepdims=True)
    return np.asarray(order[np.where(best, usd, np.inf).argmin(axis=1)], dtype=np.int64)
