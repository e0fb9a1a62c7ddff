"""What a plan is worth for a prompt: ridge regressions on what is known of the prompt before any call."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray
from router_training.joint.answer_grid import AnswerGrid, Indices
from router_training.learning.estimation import sigmoid

RIDGES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
FEW_TOPICS = (4, 8)

Figures = NDArray[np.float32]
"""Tasks x plans, at every price: many, so in single precision."""


def contexts(grid: AnswerGrid) -> tuple[FloatArray, ...]:
    """Return what may be known of each prompt before any call, several ways, each of shape (n, f), the simplest first.

    What it is about, coarsely or finely; or how hard and how dear it is for each model, of which what a single call is worth,
    quality - price * cost, is a linear function.
    """
    return *(grid.topics[:, :n] for n in FEW_TOPICS), np.hstack([sigmoid(grid.prior), grid.usd])


def usual(known: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and spread of each column; a spread of 1 where nothing varies."""
    spread = known.std(axis=0)
    return known.mean(axis=0), np.where(spread > 1e-6, spread, 1.0)


def out_of_fold(X: FloatArray, worth: Figures, folds: Indices) -> dict[float, Indices]:
    """Return by strength the plan (n,) of highest worth for each task, fitted without its fold."""
    parts = {int(fold): np.flatnonzero(folds == fold) for fold in np.unique(folds)}
    moments = {fold: _moments(X[at], worth[at]) for fold, at in parts.items()}
    gram, products = (np.sum(part, axis=0) for part in zip(*moments.values(), strict=True))
    choices = {ridge: np.zeros(len(X), dtype=np.int64) for ridge in (*RIDGES, np.inf)}
    for fold, at in parts.items():
        for ridge, choice in choices.items():
            weights = _solved(gram - moments[fold][0], products - moments[fold][1], ridge)
            choice[at] = (X[at] @ weights).argmax(axis=1)
    return choices


def ridge_weights(X: FloatArray, Y: Figures, strength: float) -> FloatArray:
    """Return weights (f, P): least squares with a penalty of `strength` per row on all but the first column, which is 1."""
    return _solved(*_moments(X, Y), strength)


def _moments(X: FloatArray, Y: Figures) -> tuple[FloatArray, FloatArray]:
    return X.T @ X, X.T @ Y


def _solved(gram: FloatArray, products: FloatArray, strength: float) -> FloatArray:
    n, f = gram[0, 0], len(gram)
    if np.isinf(strength):
        return np.vstack([products[:1] / n, np.zeros((f - 1, products.shape[1]))])
    penalty = strength * n * np.eye(f)
    penalty[0, 0] = 0.0
    return np.asarray(np.linalg.solve(gram + penalty, products))


def with_one(known: FloatArray, centre: FloatArray, spread: FloatArray) -> FloatArray:
    """Return a column of ones, and how far what is known lies from the usual, in spreads, at most 3."""
    return np.column_stack([np.ones(len(known)), np.clip((known - centre) / spread, -3.0, 3.0)])
