import numpy as np
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.calibration import calibration_curve

from router_training.calibration import (
    Calibration,
    cross_calibrated,
    expected_calibration_error,
    fit_calibration,
    identity,
    reliability,
)
from router_training.learning.estimation import sigmoid

RNG = np.random.default_rng(0)
TRUE_P = RNG.uniform(0.05, 0.95, (4000, 2))
HITS = (RNG.random(TRUE_P.shape) < TRUE_P).astype(float)
OVERSURE = TRUE_P**3 / (TRUE_P**3 + (1 - TRUE_P) ** 3)


def test_calibration_mends_forecasts_that_are_too_sure():
    mended = fit_calibration(OVERSURE, HITS).apply(OVERSURE)
    assert expected_calibration_error(mended, HITS) < 0.03 < 0.08 < expected_calibration_error(OVERSURE, HITS)


def test_calibration_of_one_model_keeps_the_order_of_its_forecasts():
    mended = fit_calibration(OVERSURE[:, :1], HITS[:, :1]).apply(OVERSURE[:, :1])
    assert np.array_equal(np.argsort(mended[:, 0]), np.argsort(OVERSURE[:, 0]))


def test_the_mean_forecast_becomes_the_mean_quality():
    mended = fit_calibration(OVERSURE, HITS).apply(OVERSURE)
    assert np.allclose(mended.mean(axis=0), HITS.mean(axis=0), rtol=1e-9)


def test_difficulty_that_is_known_and_differences_that_are_noise_are_scaled_apart():
    hard = RNG.normal(0, 1.5, (4000, 1))
    noise = RNG.normal(0, 1, (4000, 3))
    p, hits = sigmoid(hard + noise), (RNG.random((4000, 3)) < sigmoid(hard)).astype(float)
    found = fit_calibration(p, hits)
    assert np.all(found.own < 0.1) and np.all(found.common > 0.5)


def test_the_order_of_models_changes_nothing():
    there = fit_calibration(OVERSURE, HITS).apply(OVERSURE)
    back = fit_calibration(OVERSURE[:, ::-1], HITS[:, ::-1]).apply(OVERSURE[:, ::-1])
    assert np.allclose(there, back[:, ::-1], rtol=1e-4)


def test_forecasts_that_rank_backwards_become_the_mean():
    mended = fit_calibration(1 - TRUE_P, HITS).apply(1 - TRUE_P)
    assert np.allclose(mended, HITS.mean(axis=0), rtol=1e-6)


def test_outcomes_all_alike_or_all_missing_change_nothing():
    for quality in (np.ones((50, 2)), np.zeros((50, 2)), np.full((50, 2), np.nan)):
        found = fit_calibration(TRUE_P[:50], quality)
        assert np.array_equal(found.apply(TRUE_P), identity(2).apply(TRUE_P))


def test_missing_outcomes_are_left_out():
    holes = HITS.copy()
    holes[::2] = np.nan
    whole, part = fit_calibration(OVERSURE, holes), fit_calibration(OVERSURE[1::2], HITS[1::2])
    assert np.allclose(whole.apply(TRUE_P), part.apply(TRUE_P), rtol=1e-6)


def test_a_fold_is_calibrated_without_its_own_outcomes():
    folds = np.arange(len(HITS)) % 5
    changed = HITS.copy()
    changed[folds == 3] = 1 - changed[folds == 3]
    before, after = (cross_calibrated(OVERSURE, quality, folds) for quality in (HITS, changed))
    assert np.array_equal(before[folds == 3], after[folds == 3])
    assert not np.array_equal(before[folds == 2], after[folds == 2])


def test_where_nothing_was_learnt_forecasts_are_near_the_means():
    noise = RNG.uniform(0.2, 0.8, HITS.shape)
    mended = fit_calibration(noise, HITS).apply(noise)
    assert np.abs(mended - HITS.mean(axis=0)).mean() < 0.1 * np.abs(noise - HITS.mean(axis=0)).mean()


def test_identity_returns_what_it_is_given():
    assert np.allclose(identity(2).apply(TRUE_P), TRUE_P, rtol=1e-9)


def test_a_calibration_survives_its_arrays():
    found = fit_calibration(OVERSURE, HITS)
    assert np.array_equal(Calibration.from_arrays(found.to_arrays()).apply(TRUE_P), found.apply(TRUE_P))


def test_the_error_is_the_mean_gap_between_forecast_and_outcome():
    assert expected_calibration_error(np.array([0.9, 0.9]), np.array([1.0, 0.0])) == np.float64(0.4)
    assert expected_calibration_error(np.array([0.2, 0.9]), np.array([0.0, 1.0])) == np.float64(0.15)


def test_the_error_of_nothing_is_unknown():
    assert np.isnan(expected_calibration_error(np.array([np.nan]), np.array([1.0])))


@given(arrays(np.float64, 20, elements=st.floats(0, 1)), arrays(np.float64, 20, elements=st.floats(0, 1)))
def test_the_error_lies_between_0_and_1_and_ignores_order(p, y):
    error = expected_calibration_error(p, y)
    assert 0.0 <= error <= 1.0
    assert np.isclose(error, expected_calibration_error(p[::-1], y[::-1]))


def test_the_reliability_diagram_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    p = rng.random(1003)
    y = (rng.random(1003) < p**2).astype(float)
    ours = reliability(p, y)
    found, expected = calibration_curve(y, p, n_bins=10, strategy="quantile")
    assert np.allclose([one.quality for one in ours], found) and np.allclose(
        [one.forecast for one in ours], expected
    )
    assert sum(one.n for one in ours) == 1003


def test_forecasts_that_are_all_alike_make_one_bin_and_none_make_no_bin():
    (one,) = reliability(np.full(8, 0.5), np.array([0, 1, 0.5, 0.5, 1, 0, np.nan, 0.5]))
    assert one.forecast == one.quality == 0.5 and one.n == 7
    assert reliability(np.full(3, np.nan), np.ones(3)) == ()
