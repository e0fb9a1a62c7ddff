"""Gradient boosting of all models at once: trees over a few directions and the columns that vary most.

Every tree splits the prompts once for all models, and each leaf keeps a step per model that is drawn toward the step the
models share: differences between models, on which the choice rests, are then not the noise of unrelated trees.
Friedman, "Greedy function approximation: a gradient boosting machine" (2001), section 4.5, with the random thresholds of
Geurts et al., "Extremely randomized trees" (2006).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray, Vectors
from router_training.learning.estimation import Options, logit, shrunk_means, sigmoid

if TYPE_CHECKING:
    from sklearn.tree import DecisionTreeRegressor

WIDEST = 12  # columns of most variance that trees read as they are: the surface features, where there are any
ROWS_PER_BLOCK = 2048


class Estimator(Options):
    """Boosted trees whose leaves hold one step per model.

    Args:
        trees: how many.
        depth: splits from root to leaf.
        rate: share of each step that is taken.
        leaf: fewest rows in a leaf.
        components: principal components that trees read beside the WIDEST columns.
        strength: draws a model's step toward the shared one, in outcomes of variance 1.
        seed: of the thresholds.
    """

    def __init__(
        self,
        trees: int = 200,
        depth: int = 3,
        rate: float = 0.1,
        leaf: int = 50,
        components: int = 32,
        strength: float = 20.0,
        seed: int = 0,
    ) -> None:
        self.trees = trees
        self.depth = depth
        self.rate = rate
        self.leaf = leaf
        self.components = components
        self.strength = strength
        self.seed = seed

    def fit(self, X: Vectors, quality: FloatArray) -> Self:
        """Learn the directions, then one tree after another from what is left to explain."""
        self._fit_view(X)
        view, seen = self._view(X), ~np.isnan(quality)
        known = np.where(seen, quality, 0.0)
        self.start_ = logit(shrunk_means(quality))
        score = np.tile(self.start_, (len(X), 1))
        features, thresholds, values = [], [], []
        for t in range(self.trees):
            p = sigmoid(score)
            slope, curvature = np.where(seen, known - p, 0.0), np.where(seen, p * (1.0 - p), 0.0)
            tree = self._tree(view, slope, self.seed + t)
            feature, threshold = _complete(tree, self.depth)
            place = _leaf(view, feature[None], threshold[None])[:, 0]
            value = self._steps(place, slope, curvature)
            score += value[place]
            features.append(feature)
            thresholds.append(threshold)
            values.append(value)
        self.feature_, self.threshold_, self.value_ = map(np.array, (features, thresholds, values))
        return self

    def _fit_view(self, X: Vectors) -> None:
        wide = X.astype(np.float64)
        self.centre_ = wide.mean(axis=0)
        wide -= self.centre_
        covariance = wide.T @ wide / len(X)
        self.columns_ = np.sort(np.argsort(-np.diag(covariance), kind="stable")[:WIDEST])
        directions = np.linalg.eigh(covariance)[1][:, ::-1][:, : self.components]
        largest = np.abs(directions).argmax(axis=0)
        signs = np.sign(directions[largest, np.arange(directions.shape[1])])
        self.directions_ = directions * signs

    def _view(self, X: Vectors) -> Vectors:
        """Return what trees read, shape (n, WIDEST + components); projected in float64, so that batches agree."""
        wide = X.astype(np.float64) - self.centre_
        return np.hstack([wide[:, self.columns_], wide @ self.directions_]).astype(np.float32)

    def _tree(self, view: Vectors, slope: FloatArray, seed: int) -> DecisionTreeRegressor:
        from sklearn.tree import DecisionTreeRegressor  # spares serving its import

        return DecisionTreeRegressor(
            splitter="random", max_depth=self.depth, min_samples_leaf=self.leaf, random_state=seed
        ).fit(view, slope)

    def _steps(self, place: NDArray[np.int64], slope: FloatArray, curvature: FloatArray) -> FloatArray:
        """Return the Newton step of each leaf and model, shape (2**depth, m), drawn toward the models' shared step."""
        n_leaves, n_models = 2**self.depth, slope.shape[1]
        inside = np.zeros((n_leaves, len(place)))
        inside[place, np.arange(len(place))] = 1.0
        gain, weight = inside @ slope, inside @ curvature
        shared = gain.sum(axis=1, keepdims=True) / (weight.sum(axis=1, keepdims=True) + 1.0)
        own = (gain - weight * shared) / (weight + self.strength)
        graded = curvature.any(axis=0).reshape(1, n_models)
        return np.where(graded, self.rate * (shared + own), 0.0)

    def predict(self, X: Vectors) -> FloatArray:
        """Return P(success), shape (n, m)."""
        blocks = [self._predict(X[i : i + ROWS_PER_BLOCK]) for i in range(0, len(X), ROWS_PER_BLOCK)]
        return np.vstack(blocks) if blocks else np.zeros((0, len(self.start_)))

    def _predict(self, X: Vectors) -> FloatArray:
        place = _leaf(self._view(X), self.feature_, self.threshold_)
        trees = np.arange(len(self.feature_))
        return sigmoid(self.start_ + self.value_[trees, place].sum(axis=1))

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was learned."""
        learned = ("centre", "columns", "directions", "start", "feature", "threshold", "value")
        options = np.array(list(self.get_params().values()), dtype=np.float64)
        return {"options": options, **{name: getattr(self, f"{name}_") for name in learned}}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild a fitted estimator."""
        trees, depth, rate, leaf, components, strength, seed = np.asarray(
            arrays["options"], dtype=np.float64
        ).tolist()
        estimator = cls(int(trees), int(depth), rate, int(leaf), int(components), strength, int(seed))
        for name in ("columns", "feature"):
            setattr(estimator, f"{name}_", np.asarray(arrays[name], dtype=np.int64))
        for name in ("centre", "directions", "start", "threshold", "value"):
            setattr(estimator, f"{name}_", np.asarray(arrays[name], dtype=np.float64))
        return estimator


def _complete(tree: DecisionTreeRegressor, depth: int) -> tuple[NDArray[np.int64], FloatArray]:
    """Return (feature, threshold), shape (2**depth - 1,), as a complete tree: node i leads to 2i + 1 and 2i + 2.

    Below a leaf every row goes left.
    """
    grown = tree.tree_
    feature, threshold = np.zeros(2**depth - 1, dtype=np.int64), np.full(2**depth - 1, np.inf)
    places = [(0, 0)]
    for node, place in places:
        if grown.children_left[node] >= 0:
            feature[place], threshold[place] = grown.feature[node], grown.threshold[node]
            places += [
                (grown.children_left[node], 2 * place + 1),
                (grown.children_right[node], 2 * place + 2),
            ]
    return feature, threshold


def _leaf(view: Vectors, feature: NDArray[np.int64], threshold: FloatArray) -> NDArray[np.int64]:
    """Return the leaf, from 0, of each row in each tree, shape (n, trees)."""
    n_trees, n_inner = feature.shape
    first = np.arange(n_trees) * n_inner
    flat_feature, flat_threshold = feature.ravel(), threshold.ravel()
    rows = np.arange(len(view))[:, None]
    node = np.zeros((len(view), n_trees), dtype=np.int64)
    while n_inner:
        at = first + node
        node = 2 * node + 1 + (view[rows, flat_feature[at]] > flat_threshold[at])
        n_inner //= 2
    return np.asarray(node - feature.shape[1], dtype=np.int64)
