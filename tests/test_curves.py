import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from router_training.judging.curves import (
    aiq,
    best_constant,
    cheapest_constant,
    chosen,
    cost_at_best,
    hull_lift,
    router_hull,
    share_of,
    upper_hull,
)

# Two constants, (1, .2) and (3, .6), and a router that adds (2, .6): worked out by hand.
CONSTANT_USD = np.array([1.0, 3.0])
CONSTANT_QUALITY = np.array([0.2, 0.6])

points = st.lists(
    st.tuples(st.integers(0, 1000).map(lambda i: i / 100), st.integers(0, 100).map(lambda i: i / 100)),
    min_size=1,
    max_size=12,
)
laws = settings(max_examples=60, deadline=None)


def arrays(pairs):
    usd, quality = zip(*pairs, strict=True)
    return np.array(usd), np.array(quality)


def test_the_hull_leaves_out_what_a_mix_of_others_beats():
    hull = upper_hull([0, 1, 2, 3, 4], [0.0, 0.5, 0.6, 0.9, 0.8])
    assert hull.corners() == ((0.0, 0.0), (1.0, 0.5), (3.0, 0.9))


def test_of_two_points_at_one_cost_the_better_counts():
    assert upper_hull([1, 1], [0.2, 0.7]).corners() == ((1.0, 0.7),)


def test_hull_values_are_interpolated_and_flat_outside():
    hull = upper_hull([1, 3], [0.2, 0.6])
    np.testing.assert_allclose(hull.quality_at(np.array([0, 1, 2, 3, 9])), [0.2, 0.2, 0.4, 0.6, 0.6])
    assert hull.usd_at(0.4) == pytest.approx(2.0)
    assert hull.usd_at(0.61) == math.inf


def test_aiq_and_lift_of_a_case_worked_out_by_hand():
    # router: from (1, .2) up to (2, .6), then flat: mean (0.4 + 0.6) / 2 = .5; constants: mean .4
    hull = router_hull(np.array([2.0]), np.array([0.6]), CONSTANT_USD, CONSTANT_QUALITY)
    assert aiq(hull, CONSTANT_USD) == pytest.approx(0.5)
    assert hull_lift(np.array([2.0]), np.array([0.6]), CONSTANT_USD, CONSTANT_QUALITY) == pytest.approx(0.1)
    assert cost_at_best(np.array([2.0]), np.array([0.6]), CONSTANT_USD, CONSTANT_QUALITY) == pytest.approx(
        2 / 3
    )


def test_a_router_that_never_gets_there_costs_infinity():
    assert cost_at_best(np.array([2.0]), np.array([0.5]), CONSTANT_USD, CONSTANT_QUALITY) == math.inf


def test_equal_costs_leave_the_difference_in_quality():
    usd, quality = np.array([1.0, 1.0]), np.array([0.2, 0.6])
    assert hull_lift(np.array([1.0]), np.array([0.7]), usd, quality) == pytest.approx(0.1)


def test_ties_go_to_the_cheaper_and_to_the_better():
    usd, quality = np.array([2.0, 1.0, 1.0]), np.array([0.6, 0.6, 0.5])
    assert best_constant(usd, quality) == 1
    assert cheapest_constant(usd, quality) == 1


def test_nothing_is_all_of_a_free_model():
    assert share_of(1.0, 4.0) == 0.25
    assert share_of(0.0, 0.0) == 1.0
    assert share_of(0.1, 0.0) == math.inf


def test_chosen_takes_one_cell_per_task_and_dial():
    matrix = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(chosen(matrix, np.array([[0, 1], [1, 1]])), [[1, 4], [2, 4]])


@given(points)
@laws
def test_a_hull_lies_on_or_above_every_point_rises_and_is_concave(pairs):
    usd, quality = arrays(pairs)
    hull = upper_hull(usd, quality)
    assert (hull.quality_at(usd) >= quality - 1e-9).all()
    assert (np.diff(hull.usd) > 0).all() and (np.diff(hull.quality) > 0).all()
    slopes = np.diff(hull.quality) / np.diff(hull.usd)
    assert (np.diff(slopes) <= 1e-9).all()


@given(points, st.randoms(use_true_random=False))
@laws
def test_the_order_of_points_changes_nothing(pairs, random):
    shuffled = list(pairs)
    random.shuffle(shuffled)
    assert upper_hull(*arrays(pairs)) == upper_hull(*arrays(shuffled))


@given(points, st.data())
@laws
def test_a_router_that_always_asks_one_model_has_no_lift(pairs, data):
    usd, quality = arrays(pairs)
    j = data.draw(st.integers(0, len(usd) - 1))
    assert hull_lift(usd[[j]], quality[[j]], usd, quality) <= 1e-9


@given(points)
@laws
def test_a_router_that_can_be_every_constant_has_lift_zero(pairs):
    usd, quality = arrays(pairs)
    assert hull_lift(usd, quality, usd, quality) == pytest.approx(0.0, abs=1e-9)


@given(points, points, st.integers(0, 10), st.integers(0, 10))
@laws
def test_a_further_point_never_lowers_the_lift(constants, pairs, cents, percent):
    usd, quality = arrays(constants)
    before = hull_lift(*arrays(pairs), usd, quality)
    assert hull_lift(*arrays([*pairs, (cents, percent / 10)]), usd, quality) >= before - 1e-9


@given(points, points, st.floats(0.01, 100))
@laws
def test_the_currency_changes_nothing(constants, pairs, rate):
    usd, quality = arrays(constants)
    router_usd, router_quality = arrays(pairs)
    before = hull_lift(router_usd, router_quality, usd, quality)
    assert hull_lift(router_usd * rate, router_quality, usd * rate, quality) == pytest.approx(
        before, abs=1e-7
    )
