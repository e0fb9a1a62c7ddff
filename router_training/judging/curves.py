"""Geometry of cost-quality curves: hulls, areas under them, and what it costs to reach a quality.

A curve is two arrays of shape (k,): mean USD per task and mean quality. Any mix of two of its points can be
had by tossing a coin per task, so a curve is judged by its hull.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray

Choices = NDArray[np.int64]
TOLERANCE = 1e-9  # below any real difference in quality, above the rounding of a mean


@dataclass(frozen=True, slots=True)
class Hull:
    """Corners of a concave, rising curve: both arrays rise strictly, shape (h,)."""

    usd: tuple[float, ...]
    quality: tuple[float, ...]

    def quality_at(self, usd: float | FloatArray) -> FloatArray:
        """Return the quality to be had for `usd` per task.

        Beyond the last corner more money buys nothing; below the first, its quality stands.
        """
        return np.asarray(np.interp(usd, self.usd, self.quality), dtype=np.float64)

    def mean_quality(self, low: float, high: float) -> float:
        """Return the exact mean of `quality_at` over costs from `low` to `high`."""
        if not high > low:
            return float(self.quality_at(high))
        corners = [usd for usd in self.usd if low < usd < high]
        grid = np.array([low, *corners, high])
        return float(np.trapezoid(self.quality_at(grid), grid) / (high - low))

    def usd_at(self, quality: float) -> float:
        """Return the lowest cost at which the hull reaches `quality`; infinity where it never does."""
        if quality > self.quality[-1] + TOLERANCE:
            return math.inf
        return float(np.interp(quality, self.quality, self.usd))

    def corners(self) -> tuple[tuple[float, float], ...]:
        """Return the (usd, quality) pairs, cheapest first."""
        return tuple(zip(self.usd, self.quality, strict=True))


def upper_hull(usd: Sequence[float] | FloatArray, quality: Sequence[float] | FloatArray) -> Hull:
    """Return the least concave, non-decreasing curve on or above all points.

    This is the non-decreasing convex hull of RouterBench (Hu et al., "RouterBench: A Benchmark for
    Multi-LLM Routing System", 2024, section 3), found by Andrew's monotone chain.
    """
    xs: list[float] = []
    ys: list[float] = []
    points = zip(np.asarray(usd, dtype=np.float64).tolist(), np.asarray(quality).tolist(), strict=True)
    for x, y in sorted(points, key=lambda point: (point[0], -point[1])):
        if ys and y <= ys[-1]:
            continue
        while len(xs) > 1 and (y - ys[-2]) * (xs[-1] - xs[-2]) >= (ys[-1] - ys[-2]) * (x - xs[-2]):
            xs.pop()
            ys.pop()
        xs.append(x)
        ys.append(y)
    return Hull(tuple(xs), tuple(ys))


def router_hull(
    usd: FloatArray, quality: FloatArray, constant_usd: FloatArray, constant_quality: FloatArray
) -> Hull:
    """Return the hull of the router's own points and the cheapest constant, where any dial may start."""
    cheapest = cheapest_constant(constant_usd, constant_quality)
    return upper_hull([*usd, constant_usd[cheapest]], [*quality, constant_quality[cheapest]])


def cheapest_constant(usd: FloatArray, quality: FloatArray) -> int:
    """Return the position of the cheapest model; ties go to the better."""
    return int(np.lexsort((-quality, usd))[0])


def best_constant(usd: FloatArray, quality: FloatArray) -> int:
    """Return the position of the best model; ties go to the cheaper."""
    return int(np.lexsort((usd, -quality))[0])


def aiq(hull: Hull, constant_usd: FloatArray) -> float:
    """Return the average improvement in quality: the mean of the hull over the constants' cost range.

    AIQ(R) = 1 / (c_max - c_min) * integral of R(c) dc from c_min to c_max (RouterBench, 2024, section 3),
    where c_min and c_max are the costs of the cheapest and the dearest single model.
    """
    return hull.mean_quality(float(constant_usd.min()), float(constant_usd.max()))


def hull_lift(
    usd: FloatArray, quality: FloatArray, constant_usd: FloatArray, constant_quality: FloatArray
) -> float:
    """Return how far the router's hull lies above the hull of all mixes of constants, on average.

    It is AIQ(router) - AIQ(constants). No router that always asks one model has a lift above 0.
    """
    router = router_hull(usd, quality, constant_usd, constant_quality)
    constants = upper_hull(constant_usd, constant_quality)
    return aiq(router, constant_usd) - aiq(constants, constant_usd)


def cost_at_best(
    usd: FloatArray, quality: FloatArray, constant_usd: FloatArray, constant_quality: FloatArray
) -> float:
    """Return what the best constant's quality costs on the router's hull, as a share of that model's cost.

    Infinity where the router never reaches it.
    """
    best = best_constant(constant_usd, constant_quality)
    router = router_hull(usd, quality, constant_usd, constant_quality)
    needed = router.usd_at(float(constant_quality[best]))
    return share_of(needed, float(constant_usd[best]))


def share_of(usd: float, price: float) -> float:
    """Return usd / price; where the price is 0, 1 for nothing and infinity for anything else."""
    if price > 0.0:
        return usd / price
    return 1.0 if usd == 0.0 else math.inf


def chosen(matrix: FloatArray, choices: Choices) -> FloatArray:
    """Return matrix[i, choices[k, i]], shape (k, n), for choices of shape (k, n)."""
    return matrix[np.arange(matrix.shape[0]), choices]
