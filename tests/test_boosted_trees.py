import numpy as np
from sklearn.ensemble import GradientBoostingClassifier

from router_training.answers.boosted_trees import (
    COLUMN_SHARE,
    DEPTH,
    LEAF,
    LEARNING_RATE,
    ROW_SHARE,
    TREES,
    BoostedTrees,
    fit_trees,
)
from router_training.learning.selection import area_under_roc

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 5))
XOR = ((X[:, 0] > 0) ^ (X[:, 1] > 0)).astype(float)


def test_scores_are_those_of_scikit_learn():
    oracle = GradientBoostingClassifier(
        n_estimators=TREES,
        max_depth=DEPTH,
        learning_rate=LEARNING_RATE,
        subsample=ROW_SHARE,
        max_features=COLUMN_SHARE,
        min_samples_leaf=LEAF,
        random_state=0,
    )
    order = np.concatenate([np.flatnonzero(XOR == 1), np.flatnonzero(XOR == 0)])
    oracle.fit(X[order], XOR[order])
    assert np.allclose(fit_trees(X, XOR).score(X), oracle.decision_function(X), rtol=1e-6, atol=1e-9)


def test_trees_learn_what_no_line_can_part():
    assert area_under_roc(fit_trees(X[:300], XOR[:300]).score(X[300:]), XOR[300:]) > 0.8


def test_a_fractional_quality_counts_in_part():
    score = fit_trees(X, np.full(400, 0.25)).score(X)
    assert abs(np.mean(1 / (1 + np.exp(-score))) - 0.25) < 0.02


def test_few_rows_are_enough_and_no_rows_have_no_score():
    few = fit_trees(X[:4], np.array([1.0, 0.0, 1.0, 0.0]))
    assert np.isfinite(few.score(X)).all() and few.score(X[:0]).shape == (0,)


def test_trees_survive_their_arrays():
    trees = fit_trees(X, XOR)
    assert np.array_equal(BoostedTrees.from_arrays(trees.to_arrays()).score(X), trees.score(X))
