"""Paired bootstrap over tasks: resampled means of many columns at once, and intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from router_training.contract import FloatArray

BLOCK_CELLS = 4_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % interval; infinity means 'never', NaN 'unknown'."""

    value: float
    low: float
    high: float

    def complement(self) -> Interval:
        """Return the interval of 1 - value: a saving from a share of cost."""
        return Interval(1.0 - self.value, 1.0 - self.high, 1.0 - self.low)


def resampled_means(columns: FloatArray, n_boot: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Yield, for each of `n_boot` resamples of the n rows with replacement, the column means, shape (k,).

    All columns share each resample (the bootstrap is paired). Efron and Tibshirani, "An Introduction to
    the Bootstrap", 1993, chapter 6.
    """
    n = len(columns)
    block = max(1, BLOCK_CELLS // n)
    for start in range(0, n_boot, block):
        size = min(block, n_boot - start)
        drawn = rng.integers(0, n, size=(size, n)) + n * np.arange(size)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)
        yield from counts.astype(np.float64) @ columns / n


def percentile_interval(value: float, resamples: FloatArray, level: float = 0.95) -> Interval:
    """Return the value with its bias-corrected percentile interval.

    A hull takes the best of noisy points, so its resamples lie above the value; the plain percentiles would
    call a router that chooses by chance better than constants too often. The correction shifts the two ranks
    by twice the normal score of the value's rank among the resamples (Efron, "Better bootstrap confidence
    intervals", 1987, section 2, with acceleration 0). Only ranks are used, so infinities may occur.
    Without resamples the interval is unknown.
    """
    b = len(resamples)
    if not b:
        return Interval(value, math.nan, math.nan)
    rank = (np.sum(resamples < value) + 0.5 * np.sum(resamples == value)) / b
    shift = 2.0 * ndtri(np.clip(rank, 0.5 / b, 1.0 - 0.5 / b))
    tail = ndtri((1.0 - level) / 2.0)
    low, high = np.quantile(resamples, ndtr([shift + tail, shift - tail]), method="inverted_cdf")
    return Interval(value, float(low), float(high))
