import math

import numpy as np
import pytest

from router_training.judging.bootstrap import Interval, percentile_interval, resampled_means


def test_resampled_means_scatter_like_the_standard_error():
    column = np.random.default_rng(0).normal(size=(400, 1))
    means = np.array(list(resampled_means(column, 2000, np.random.default_rng(1))))
    assert means.shape == (2000, 1)
    assert means.mean() == pytest.approx(column.mean(), abs=0.005)
    assert means.std() == pytest.approx(column.std() / 20, rel=0.1)


def test_columns_are_resampled_together():
    column = np.arange(50.0)
    for a, b in resampled_means(np.column_stack([column, 3 - column]), 20, np.random.default_rng(0)):
        assert a + b == pytest.approx(3.0)


def test_the_same_seed_gives_the_same_resamples():
    column = np.arange(9.0)[:, None]
    first, second = (list(resampled_means(column, 5, np.random.default_rng(7))) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_an_unbiased_statistic_has_the_plain_percentiles():
    interval = percentile_interval(500.0, np.arange(1001.0))
    assert (interval.low, interval.high) == (25.0, 975.0)


def test_resamples_above_the_value_move_the_interval_down():
    plain = percentile_interval(500.0, np.arange(1001.0))
    biased = percentile_interval(300.0, np.arange(1001.0))
    assert biased.low < plain.low and biased.high < plain.high


def test_never_may_be_the_upper_bound_but_does_not_spoil_the_lower():
    interval = percentile_interval(0.5, np.array([0.4] * 40 + [0.5] * 40 + [math.inf] * 20))
    assert interval.low == 0.4
    assert interval.high == math.inf


def test_without_resamples_the_interval_is_unknown():
    interval = percentile_interval(0.3, np.empty(0))
    assert interval.value == 0.3 and math.isnan(interval.low) and math.isnan(interval.high)


def test_the_complement_swaps_the_bounds():
    assert Interval(0.6, 0.5, 0.75).complement() == Interval(0.4, 0.25, 0.5)
