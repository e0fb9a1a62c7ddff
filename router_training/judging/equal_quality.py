"""What the best constant's quality would cost: the dial is chosen on some tasks and judged on others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray
from router_training.judging.controls import Grid
from router_training.judging.curves import TOLERANCE, Choices, best_constant, chosen

FOLDS = 5
FINE_DIALS = np.unique(
    np.concatenate([np.linspace(0.0, 1.0, 51), 1.0 / (1.0 + np.logspace(-3.0, 1.0, 121))]).round(6)
)
Decide = Callable[[float], Choices]


@dataclass(frozen=True, eq=False)
class CrossFitted:
    """Per task the choice (n,) at a dial that tasks of other folds chose, and the median of those dials."""

    choice: Choices
    dial: float


def cross_fitted(
    grid: Grid, decide: Decide, groups: NDArray[np.int64], dials: FloatArray = FINE_DIALS, seed: int = 0
) -> CrossFitted | None:
    """Choose for each fold the cheapest dial that reaches the best constant's quality on the other folds.

    So nothing is judged on the tasks that chose its threshold (Stone, "Cross-validatory choice and assessment of statistical
    predictions", 1974). Where no dial reaches it, the best constant of those other folds answers the fold.

    Args:
        grid: outcomes of n tasks.
        decide: returns the choices (n,) at a dial.
        groups: group number per task, shape (n,); a group lies in one fold.
        dials: the dials to choose from.
        seed: of the folds.

    Returns:
        None where no fold finds a dial that is cheaper than the best constant, or there are fewer groups than folds.
    """
    known = np.unique(groups)
    if len(known) < FOLDS:
        return None
    fold_of = np.random.default_rng(seed).permutation(len(known)) % FOLDS
    fold = fold_of[np.searchsorted(known, groups)]
    constants = np.stack([_others(fold, column) for column in (*grid.usd.T, *grid.quality.T)])
    usd, quality = np.split(constants, 2)  # (m, FOLDS) each
    swept = []
    for dial in dials.tolist():
        choice = decide(dial)
        swept.append([_others(fold, chosen(matrix, choice)) for matrix in (grid.usd, grid.quality)])
    found = np.array(swept)  # (dials, 2, FOLDS)
    picked = [_cheapest(found[:, :, f], usd[:, f], quality[:, f]) for f in range(FOLDS)]
    if all(place is None for place in picked):
        return None
    choices = np.empty(len(grid), dtype=np.int64)
    for f, place in enumerate(picked):
        rows = fold == f
        if place is None:
            choices[rows] = best_constant(usd[:, f], quality[:, f])
        else:
            choices[rows] = decide(float(dials[place]))[rows]
    return CrossFitted(choices, float(np.median([dials[place] for place in picked if place is not None])))


def _others(fold: NDArray[np.int64], values: FloatArray) -> FloatArray:
    """Return the mean over the tasks outside each fold, shape (FOLDS,)."""
    inside = np.bincount(fold, values, FOLDS)
    counts = np.bincount(fold, minlength=FOLDS)
    return np.asarray((values.sum() - inside) / np.maximum(len(values) - counts, 1), dtype=np.float64)


def _cheapest(swept: FloatArray, usd: FloatArray, quality: FloatArray) -> int | None:
    """Return the place of the cheapest dial, of (dials, 2) usd and quality, as good as the best constant and cheaper."""
    best = best_constant(usd, quality)
    able = (swept[:, 1] >= quality[best] - TOLERANCE) & (swept[:, 0] < usd[best])
    return int(np.where(able, swept[:, 0], np.inf).argmin()) if able.any() else None
