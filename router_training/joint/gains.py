"""By how much one more answer raises the confidence in the best, forecast from what has been said so far."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from router_training.answers.boosted_trees import BoostedTrees, fit_value_trees
from router_training.contract import FloatArray
from router_training.joint.answer_grid import NOBODY, AnswerGrid, Indices
from router_training.joint.pair_tables import PairTables
from router_training.learning.estimation import logit

SAMPLED_STATES = 60_000
TRUST = 0.4
"""How far an answer is judged by the confidence in it, and not by its grade: it is less noisy, but the surest of
several noisy confidences is too high, and so is what a further answer seems to bring."""

Confident = Callable[[Indices, Indices], FloatArray]
"""(tasks (k,), asked (k, s)) -> confidence (k, s): see `Combination.confidence`."""


def inputs(
    grid: AnswerGrid, pairs: PairTables, tasks: Indices, asked: Indices, p: FloatArray, following: Indices
) -> FloatArray:
    """Return what the forecast reads, one row per state: the answers in hand and the model asked next.

    Args:
        grid: where the answers are.
        pairs: how models succeed and fail together.
        tasks: shape (k,).
        asked: the models asked so far, shape (k, s), NOBODY for none.
        p: their confidences, shape (k, s).
        following: the model that would be asked next, shape (k,).
    """
    at, rows = tasks[:, None], np.arange(len(tasks))
    there, model = asked != NOBODY, np.maximum(asked, 0)
    top = p.argmax(axis=1)
    leader = model[rows, top]
    others = there & (np.arange(asked.shape[1]) != top[:, None])
    same = others & grid.agrees[at, leader[:, None], model]
    rival = others & ~same
    evidence, following_each = grid.evidence[at, model], following[:, None]
    rescue = np.where(rival, pairs.rescue[model, following_each], 1.0).min(axis=1, initial=1.0)
    return np.column_stack(
        [
            logit(p[rows, top]),
            logit(np.where(rival, p, 0.0).max(axis=1)),
            there.sum(axis=1),
            same.sum(axis=1),
            pairs.skill[following],
            np.where(there, pairs.skill[model], -np.inf).max(axis=1),
            grid.prior[tasks, following],
            grid.prior[tasks, leader],
            grid.prior[tasks].mean(axis=1),
            np.minimum(rescue, pairs.rescue[leader, following]),
            pairs.same_wrong[leader, following],
            pairs.support[leader, following],
            np.where(there, evidence, np.inf).min(axis=1),
            evidence[rows, top],
            (there * grid.log_chars[at, model]).sum(axis=1) / there.sum(axis=1),
            grid.usd[tasks, following],
        ]
    )


def fit_gains(
    grid: AnswerGrid, pairs: PairTables, confident: Confident, folds: Indices, rng: np.random.Generator
) -> tuple[BoostedTrees, dict[int, BoostedTrees]]:
    """Learn from random states of two answers what a third brought; return the forecast, and one without each fold.

    It takes three models or more.
    """
    n_states = min(SAMPLED_STATES, len(grid) * 3 * math.comb(grid.n_models, 3))
    at = rng.integers(0, len(grid), n_states)
    drawn = rng.random((n_states, grid.n_models)).argsort(axis=1)[:, :3]
    before, after = confident(at, drawn[:, :2]), confident(at, drawn)
    X = inputs(grid, pairs, at, drawn[:, :2], before, drawn[:, 2])
    graded = [grid.quality[at, drawn[np.arange(n_states), p.argmax(axis=1)]] for p in (before, after)]
    believed = after.max(axis=1) - before.max(axis=1)
    value = TRUST * believed + (1.0 - TRUST) * (graded[1] - graded[0])
    by_fold = {
        int(fold): fit_value_trees(X[folds[at] != fold], value[folds[at] != fold])
        for fold in np.unique(folds)
    }
    return fit_value_trees(X, value), by_fold
