"""Which dial, or which constant, meets an aim: read off held-out tasks at today's prices, never off the batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_training.contract import Catalogue, UsageError
from router_training.judging.curves import TOLERANCE
from router_training.learning.decision import decide
from router_training.learning.held_out import HeldOut, mean_of_chosen

DIALS = np.unique(
    np.concatenate([np.linspace(0.0, 1.0, 51), 1.0 / (1.0 + np.logspace(-3.0, 2.0, 61))]).round(6)
)


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """One way to serve all traffic: at a dial, or always by one model; `quality` and `usd` are per held-out task."""

    quality: float = math.nan
    usd: float = math.nan
    dial: float | None = None
    model: str | None = None


def operating_points(
    held_out: HeldOut, models: tuple[str, ...], catalogue: Catalogue, usd_scale: float
) -> tuple[OperatingPoint, ...]:
    """Return every single model, then the dials, each with its quality and cost at the catalogue's prices."""
    forecasts, usd = held_out.forecasts(models, catalogue), held_out.usd(models, catalogue)

    def means(choice: NDArray[np.int64]) -> tuple[float, float]:
        quality = mean_of_chosen(held_out.p_success, held_out.quality, choice)
        return quality, mean_of_chosen(forecasts.usd, usd, choice)

    constants = [
        OperatingPoint(*means(np.full(len(held_out), j)), model=name) for j, name in enumerate(models)
    ]
    dials = [OperatingPoint(*means(decide(forecasts, dial, usd_scale)), dial=dial) for dial in DIALS.tolist()]
    return *constants, *dials


def cheapest_with(points: Sequence[OperatingPoint], min_quality: float) -> OperatingPoint:
    """Return the cheapest point that reaches `min_quality` times the best single model's quality.

    Raises:
        UsageError: if `min_quality` is not above 0, or no point reaches it.
    """
    if not (min_quality > 0.0 and math.isfinite(min_quality)):
        raise UsageError(
            f"min_quality is {min_quality!r}, but must be above 0: a share of the best single model's quality, such as 0.95"
        )
    best = max(point.quality for point in points if point.model is not None)
    able = [point for point in points if point.quality >= min_quality * best - TOLERANCE]
    if not able:
        most = max(point.quality for point in points) / best if best > 0.0 else 0.0
        raise UsageError(
            f"min_quality is {min_quality:g}, but on held-out tasks the router reaches at most {most:.3f} of the best "
            "single model's quality; ask for less, or use dial=1"
        )
    return min(able, key=lambda point: (point.usd, -point.quality))


def best_within(points: Sequence[OperatingPoint], max_usd: float) -> OperatingPoint:
    """Return the best point that costs at most `max_usd` per task on average.

    Raises:
        UsageError: if `max_usd` is not a number of 0 or more, or every point costs more.
    """
    require_usd("max_usd", max_usd)
    able = [point for point in points if point.usd <= max_usd]
    if not able:
        least = min(point.usd for point in points)
        raise UsageError(
            f"max_usd is {max_usd:g}, but the cheapest way to answer costs {least:.3g} USD per task; allow more, or add a "
            "cheaper model"
        )
    return max(able, key=lambda point: (point.quality, -point.usd))


def require_usd(name: str, usd: float) -> None:
    """Check an amount of money.

    Raises:
        UsageError: if it is NaN or below 0.
    """
    if not usd >= 0.0:
        raise UsageError(f"{name} is {usd!r}, but must be an amount in USD, 0 or more")
