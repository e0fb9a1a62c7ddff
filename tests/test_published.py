"""Figures of published benchmarks, against cases worked out by hand and the definitions that those publish."""

import math

import numpy as np
import pytest

from router_training.judging.controls import CurvePoint, Grid
from router_training.judging.curves import Hull, upper_hull
from router_training.judging.published import (
    apgr,
    arena_score,
    cost_save,
    cpt,
    entropy,
    latency_quantiles,
    oracle_share,
    perf_gain,
    published,
)

WEAK, STRONG = (1.0, 0.4), (5.0, 0.8)


def point(dial, usd, quality):
    return CurvePoint(dial, usd, quality, math.nan, 0.0, {})


def test_tossing_a_coin_between_two_models_recovers_half_of_the_gap():
    assert apgr(Hull((1.0, 5.0), (0.4, 0.8)), WEAK, STRONG) == pytest.approx(0.5)


def test_apgr_is_the_area_worked_out_by_hand():
    bent = Hull((1.0, 3.0, 5.0), (0.4, 0.7, 0.8))  # PGR 0, 0.75, 1 at cost 0, 1/2, 1
    assert apgr(bent, WEAK, STRONG) == pytest.approx((0.75 / 2 + (0.75 + 1) / 2) / 2)


def test_apgr_agrees_with_routellms_trapezoid_over_the_share_of_strong_calls():
    share = np.linspace(0, 1, 21)
    accuracy = 0.4 + 0.4 * share**0.5
    theirs = (np.trapezoid(accuracy, share) - 0.4) / (0.8 - 0.4)
    ours = apgr(upper_hull(1.0 + 4.0 * share, accuracy), WEAK, STRONG)
    assert ours == pytest.approx(theirs)


def test_cpt_is_the_least_cost_that_recovers_so_much_of_the_gap():
    bent = Hull((1.0, 3.0, 5.0), (0.4, 0.7, 0.8))
    assert cpt(bent, WEAK, STRONG, 0.75) == pytest.approx(0.5)
    assert cpt(bent, WEAK, STRONG, 0.5) == pytest.approx(1 / 3)
    assert cpt(Hull((1.0, 3.0), (0.4, 0.7)), WEAK, STRONG, 0.95) == math.inf
    assert cpt(Hull((0.5, 3.0), (0.7, 0.8)), WEAK, STRONG, 0.5) == 0.0


def test_without_a_gap_there_is_nothing_to_recover():
    level = Hull((1.0,), (0.8,))
    assert math.isnan(apgr(level, (1.0, 0.8), (1.0, 0.8))) and math.isnan(cpt(level, (1.0, 0.8), STRONG, 0.5))


def test_perf_gain_and_cost_save_take_single_dials():
    curve = (point(0.0, 1.0, 0.5), point(0.5, 3.0, 0.8), point(0.9, 4.0, 0.84), point(1.0, 6.0, 0.82))
    assert perf_gain(curve, 0.8) == pytest.approx(0.05)
    assert cost_save(curve, 0.8, 5.0) == pytest.approx(1 - 3.0 / 5.0)
    assert cost_save(curve, 0.9, 5.0) == 0.0 and perf_gain(curve, 0.9) < 0.0


def test_the_arena_score_is_the_published_formula():
    cheap = (math.log2(200) - math.log2(1.0)) / (math.log2(200) - math.log2(0.0044))
    assert arena_score(0.7, 1.0) == pytest.approx(1.1 * 0.7 * cheap / (0.1 * 0.7 + cheap))
    assert arena_score(0.7, 200.0) == 0.0 and arena_score(0.0, 1.0) == 0.0
    assert arena_score(0.7, 0.0044) == pytest.approx(1.1 * 0.7 / 1.07) == arena_score(0.7, 0.0)


def test_the_oracles_share_is_measured_from_the_best_constant():
    assert oracle_share(0.75, 0.7, 0.9) == pytest.approx(0.25)
    assert oracle_share(0.6, 0.7, 0.9) < 0.0 and math.isnan(oracle_share(0.7, 0.7, 0.7))


def test_entropy_runs_from_one_model_always_to_all_alike():
    assert entropy(np.array([1.0, 0.0, 0.0])) == 0.0
    assert entropy(np.full(3, 1 / 3)) == pytest.approx(1.0)
    assert entropy(np.array([0.5, 0.5, 0.0])) == pytest.approx(math.log(2) / math.log(3))
    assert entropy(np.array([1.0])) == 0.0


def test_latency_quantiles_leave_out_what_was_not_recorded():
    assert latency_quantiles(np.array([1.0, 2.0, 3.0, np.nan]))["0.5"] == 2.0
    assert latency_quantiles(np.array([np.nan])) == {}


def test_a_router_that_knows_everything_leaves_no_regret():
    quality, usd = np.array([[0.0, 1], [1, 1], [0, 0], [1, 0]]), np.array([[1.0, 4]] * 4)
    grid = Grid(("a", "b"), quality, usd, usd, (None,) * 4)
    choice = np.array([1, 0, 0, 0])
    shares = {"a": 0.75, "b": 0.25}
    curve = (CurvePoint(1.0, 1.75, 0.75, 1.75, 0.5, shares),)
    found = published(grid, upper_hull([1.75, 1.0], [0.75, 0.5]), curve, choice, 0)
    assert found.regret == 0.0 and found.oracle_share == 1.0
    assert (found.most_used, found.most_used_share) == ("a", 0.75)
    assert found.cost_at["1"] == 1.0 and found.perf_gain == pytest.approx(0.5)
    assert found.latency_s["0.5"] == 1.0
