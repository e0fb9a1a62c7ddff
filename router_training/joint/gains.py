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

SAMPLED_STATES = 12_000

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
    grid: AnswerGrid, pairs: PairTables, confident: Confident, tasks: Indices, rng: np.random.Generator
) -> BoostedTrees:
    """Learn from random states of two answers of these tasks what a third brought; needs three models or more."""
    n_states = min(SAMPLED_STATES, len(tasks) * 3 * math.comb(grid.n_models, 3))
    at = rng.choice(tasks, n_states)
    drawn = rng.random((n_states, grid.n_models)).argsort(axis=1)[:, :3]
    before, after = confident(at, drawn[:, :2]), confident(at, drawn)
    X = inputs(grid, pairs, at, drawn[:, :2], before, drawn[:, 2])
    return fit_value_trees(X, after.max(axis=1) - before.max(axis=1))
