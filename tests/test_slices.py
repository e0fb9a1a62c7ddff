"""Slices by task type and source, with controls and n."""

import numpy as np
import pytest

from router_training.judging.controls import Grid
from router_training.judging.slices import SMALL_SLICE, mean_interval, slices_of


def grid_of(types, sources=()):
    quality = np.array([[0.0, 1], [1, 1], [0, 0], [1, 0]])
    usd = np.array([[1.0, 4], [1, 4], [2, 6], [2, 6]])
    return Grid(("a", "b"), quality, usd, usd, types, 0, sources)


def test_every_control_is_given_for_every_slice_worked_out_by_hand():
    found = slices_of(grid_of(("x", "x", "y", "y")), np.array([1, 0, 0, 0]), 1, 0, np.array([0, 0, 1, 1]))
    x, y = found
    assert (x.kind, x.name, x.n, x.quality, x.usd) == ("task type", "x", 2, 1.0, 2.5)
    assert (x.best_constant_quality, x.best_constant_usd, x.cheapest_quality) == (1.0, 4.0, 0.5)
    assert (x.random_quality, x.oracle_quality, x.twin_quality) == (0.75, 1.0, 0.5)
    assert x.constant_qualities == (0.5, 1.0) and y.constant_qualities == (0.5, 0.0)
    assert x.mix_quality == 0.75, "half of the way from a (.5 at 1) to b (1. at 4) lies at 2.5"
    assert (y.usd, y.mix_quality) == (2.0, 0.5), "b is worse there and dearer: no mix holds it"
    assert (y.quality, y.best_constant_quality, y.gain_over_best.value) == (0.5, 0.0, 0.5)


def test_sources_follow_task_types_and_each_kind_shares_out_all_tasks():
    found = slices_of(grid_of(("x", "x", "x", None), ("s", "t", "t", "t")), np.zeros(4, dtype=int), 1, 0)
    assert [(one.kind, one.name, one.n) for one in found] == [
        ("task type", "x", 3),
        ("task type", "(no type)", 1),
        ("source", "t", 3),
        ("source", "s", 1),
    ]
    assert found[0].twin_quality is None


def test_what_nobody_named_makes_no_slice():
    assert slices_of(grid_of((None,) * 4), np.zeros(4, dtype=int), 1, 0) == ()


def test_a_slice_is_small_below_thirty_tasks():
    many = Grid(("a",), np.ones((59, 1)), np.ones((59, 1)), np.ones((59, 1)), ("x",) * 30 + ("y",) * 29)
    assert [one.small for one in slices_of(many, np.zeros(59, dtype=int), 0, 0)] == [False, True]
    assert SMALL_SLICE == 30


def test_the_interval_of_a_mean_is_students_for_many_tasks():
    values = np.array([1.0, 0, 0, 1, 1, 0, 1, 1, 0, 1])
    found = mean_interval(values)
    half = 1.959964 * values.std(ddof=1) / np.sqrt(10)
    assert (found.value, found.low, found.high) == pytest.approx((0.6, 0.6 - half, 0.6 + half), rel=1e-6)
    assert np.isnan(mean_interval(values[:1]).low)
