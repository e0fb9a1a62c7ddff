import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.base import clone

from router_training.learning.estimation import Options, fit_logistic, is_varied, logit, shrunk_means, sigmoid

X = np.random.default_rng(0).normal(size=(300, 3))
HIT = (X[:, 0] + np.random.default_rng(1).normal(size=300) > 0).astype(float)


class Named(Options):
    def __init__(self, k=3, strength=1.0):
        self.k = k
        self.strength = strength


def test_options_are_the_constructors_arguments_and_survive_cloning():
    assert clone(Named(k=7)).get_params() == {"k": 7, "strength": 1.0}


def test_means_are_drawn_to_the_mean_of_all_and_less_so_the_more_is_known():
    quality = np.array([[1.0, 0.0], [1.0, np.nan], [1.0, np.nan]])
    means = shrunk_means(quality)
    assert np.allclose(means, [(3 + 0.75) / 4, 0.75 / 2])
    assert shrunk_means(np.full((2, 2), np.nan)).tolist() == [0.5, 0.5]


@given(st.floats(0.001, 0.999))
def test_logit_undoes_sigmoid(p):
    assert np.isclose(sigmoid(logit(np.array([p])))[0], p, rtol=1e-7)


def test_certainty_has_a_finite_score():
    assert np.isfinite(logit(np.array([0.0, 1.0]))).all() and sigmoid(np.array([-1e9, 1e9])).tolist() == [
        0.0,
        1.0,
    ]


def test_a_fraction_is_a_success_with_that_weight():
    whole, _ = fit_logistic(np.repeat(X, 4, axis=0), np.repeat(HIT, 4), C=0.25)
    mixed = np.where(HIT == 1.0, 0.75, 0.25)
    parts = np.concatenate([np.repeat([HIT], 3, axis=0), [1 - HIT]]).T.ravel()
    repeated, _ = fit_logistic(np.repeat(X, 4, axis=0), parts, C=0.25)
    fractional, _ = fit_logistic(X, mixed, C=1.0)
    assert np.allclose(repeated, fractional, rtol=1e-3) and abs(whole[0]) > abs(fractional[0])


@pytest.mark.parametrize(
    ("quality", "varied"), [([], False), ([0, 0], False), ([1, 1], False), ([0.5], True), ([0, 1], True)]
)
def test_a_regression_needs_both_kinds_of_outcome(quality, varied):
    assert is_varied(np.array(quality, dtype=float)) is varied
