"""Gradient-boosted trees, learnt by scikit-learn and kept as plain arrays that numpy walks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray

TREES, DEPTH, LEARNING_RATE, LEAF = 100, 4, 0.05, 15
VALUE_TREES, VALUE_RATE, VALUE_LEAF, VALUE_ROW_SHARE = 60, 0.1, 50, 0.15
ROW_SHARE, COLUMN_SHARE = 0.6, 0.4
SHAPE: dict[str, Any] = {"max_depth": DEPTH, "subsample": ROW_SHARE, "max_features": COLUMN_SHARE}


@dataclass(frozen=True, eq=False)
class BoostedTrees:
    """T trees of at most N nodes as arrays (T, N); a leaf is its own child, and holds what it adds to the score.

    `start` (1,) is the score before the first tree.
    """

    feature: NDArray[np.int64]
    threshold: FloatArray
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: FloatArray
    start: FloatArray

    def score(self, X: FloatArray) -> FloatArray:
        """Return log-odds of success, shape (n,), of rows (n, d)."""
        rows = (np.arange(len(X)) * X.shape[1])[:, None]
        trees = (np.arange(len(self.feature)) * self.feature.shape[1])[None, :]
        narrow = X.astype(np.float32).ravel()
        place = np.repeat(trees, len(X), axis=0)  # of each row's node in all trees laid end to end
        for _ in range(DEPTH):
            goes_left = narrow.take(rows + self.feature.take(place)) <= self.threshold.take(place)
            place = trees + np.where(goes_left, self.left.take(place), self.right.take(place))
        return np.asarray(self.start[0] + self.value.take(place).sum(axis=1), dtype=np.float64)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was learned."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def constant(cls, score: float) -> Self:
        """Return trees that give every row this score."""
        leaf, value = np.zeros((1, 1), dtype=np.int64), np.zeros((1, 1))
        return cls(leaf, value, leaf, leaf, value, np.array([score]))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild from `to_arrays`."""
        feature, left, right = (np.asarray(arrays[name], np.int64) for name in ("feature", "left", "right"))
        threshold, value, start = (
            np.asarray(arrays[name], np.float64) for name in ("threshold", "value", "start")
        )
        return cls(feature, threshold, left, right, value, start)


def fit_trees(X: FloatArray, quality: FloatArray, seed: int = 0) -> BoostedTrees:
    """Learn quality (n,) from rows (n, d); a fractional quality counts as a success with that weight.

    Friedman, "Stochastic gradient boosting" (2002): each tree sees a share of the rows, each split of the columns.
    Quality must not be all 0 or all 1.
    """
    from sklearn.ensemble import GradientBoostingClassifier  # spares serving its import

    hit, miss = quality > 0.0, quality < 1.0
    rows = np.concatenate([X[hit], X[miss]])
    labels = np.repeat([1, 0], [hit.sum(), miss.sum()])
    model = GradientBoostingClassifier(
        n_estimators=TREES, learning_rate=LEARNING_RATE, min_samples_leaf=LEAF, random_state=seed, **SHAPE
    ).fit(rows, labels, sample_weight=np.concatenate([quality[hit], 1.0 - quality[miss]]))
    trees = [stage[0].tree_ for stage in model.estimators_]
    return _kept(trees, LEARNING_RATE, rows[:1], model.decision_function(rows[:1]))


def fit_value_trees(X: FloatArray, value: FloatArray, seed: int = 0) -> BoostedTrees:
    """Learn the mean of value (n,), any number, given rows (n, d): squares are least; `score` returns that mean."""
    from sklearn.ensemble import GradientBoostingRegressor  # spares serving its import

    model = GradientBoostingRegressor(
        n_estimators=VALUE_TREES,
        learning_rate=VALUE_RATE,
        min_samples_leaf=VALUE_LEAF,
        random_state=seed,
        **SHAPE,
    ).fit(X, value)
    return _kept([stage[0].tree_ for stage in model.estimators_], VALUE_RATE, X[:1], model.predict(X[:1]))


def _kept(trees: Sequence[Any], rate: float, row: FloatArray, score: FloatArray) -> BoostedTrees:
    """Return scikit-learn's trees as arrays, given what their sum comes to on one row (1, d)."""
    shape = (len(trees), max(tree.node_count for tree in trees))
    feature, left, right = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    threshold, value = np.zeros(shape), np.zeros(shape)
    for t, tree in enumerate(trees):
        n = tree.node_count
        leaf = tree.children_left < 0
        feature[t, :n] = np.where(leaf, 0, tree.feature)
        threshold[t, :n] = tree.threshold
        left[t, :n] = np.where(leaf, np.arange(n), tree.children_left)
        right[t, :n] = np.where(leaf, np.arange(n), tree.children_right)
        value[t, :n] = rate * tree.value[:, 0, 0]
    found = BoostedTrees(feature, threshold, left, right, value, np.zeros(1))
    return replace(found, start=np.asarray(score - found.score(row), dtype=np.float64))
