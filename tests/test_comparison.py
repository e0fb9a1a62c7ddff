"""Ways to answer compared on the same tasks: policies, dials and strategies, with paired differences."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from router_training.contenders import Contender, common_grid, policy_ways
from router_training.contract import UsageError
from router_training.judging.comparison import Sweep, Way, compare
from router_training.judging.controls import Grid
from router_training.reporting.summary import compared

RNG = np.random.default_rng(0)
N = 400
QUALITY = (RNG.random((N, 2)) < (0.5, 0.8)).astype(float)
USD = np.column_stack([np.full(N, 1.0), RNG.uniform(4.0, 6.0, N)])
GRID = Grid(("a", "b"), QUALITY, USD, USD, (None,) * N)


def always(j, name, **more):
    return Way(name, USD[:, j], QUALITY[:, j], **more)


def test_a_way_differs_from_itself_by_nothing():
    found = compare(GRID, [always(1, "b"), always(1, "b again")], n_boot=50)
    row = found.rows[1]
    for interval, none in ((row.quality_difference, 0.0), (row.cost_ratio, 1.0)):
        assert (interval.value, interval.low, interval.high) == (none, none, none)
    assert found.rows[0].quality_difference is None and found.reference == "b"


def test_differences_are_those_of_the_means_and_paired():
    found = compare(GRID, [always(0, "a"), always(1, "b")], n_boot=300)
    row = found.rows[1]
    assert row.quality_difference.value == pytest.approx(QUALITY[:, 1].mean() - QUALITY[:, 0].mean())
    assert row.cost_ratio.value == pytest.approx(USD[:, 1].mean())
    assert row.quality_difference.low < row.quality_difference.value < row.quality_difference.high
    half = 1.96 * (QUALITY[:, 1] - QUALITY[:, 0]).std() / math.sqrt(N)
    assert row.quality_difference.high - row.quality_difference.value == pytest.approx(half, rel=0.25)


def test_the_order_of_ways_and_the_reference_change_only_signs():
    one = compare(GRID, [always(0, "a"), always(1, "b")], n_boot=50)
    two = compare(GRID, [always(1, "b"), always(0, "a")], 1, n_boot=50)
    assert one.rows[1].quality_difference.value == pytest.approx(two.rows[0].quality_difference.value)
    assert two.reference == "a"


def test_policies_are_compared_over_all_dials_too():
    ideal = Sweep(USD.min(axis=1)[None], QUALITY.max(axis=1)[None])
    cheap = Sweep(USD[:, :1].T, QUALITY[:, :1].T)
    ways = [always(0, "cheap", sweep=cheap), always(1, "ideal", sweep=ideal), always(1, "strategy")]
    first, second, third = compare(GRID, ways, n_boot=50).rows
    assert second.lift > first.lift and second.lift_difference.low > 0.0
    assert second.lift_difference.value == pytest.approx(second.lift - first.lift)
    assert third.lift is None and third.lift_difference is None


def test_one_name_is_one_way():
    with pytest.raises(UsageError, match="two ways are called 'a'"):
        compare(GRID, [always(0, "a"), always(1, "a")], n_boot=1)


def test_json_knows_neither_infinity_nor_nan():
    free = Way("free", USD[:, 0] * 0.0, QUALITY[:, 0])
    found = compare(GRID, [free, always(1, "b", unseen=False)], n_boot=5).as_dict()
    text = json.dumps(found, allow_nan=False)
    assert json.loads(text)["rows"][1]["cost_ratio"]["value"] is None
    lines = compared(compare(GRID, [free, always(1, "b|c", unseen=False)], n_boot=5))
    assert "b\\|c (may know some tasks)" in lines[-1]


def test_a_policy_beside_itself_at_two_dials(two_kinds_policy, more_of_two_kinds, vector_folder):
    table = more_of_two_kinds.take(range(80))
    dear = {n: replace(card, usd_per_mtok_out=99.0) for n, card in two_kinds_policy.catalogue.items()}
    contenders = [
        Contender("one", two_kinds_policy),
        Contender("two", two_kinds_policy.with_catalogue(dear)),
    ]
    grid, kept = common_grid(table, contenders, two_kinds_policy.catalogue)
    ways = policy_ways(contenders, table, table, grid, kept, [0.0, 0.8], vector_folder)
    assert [way.name for way in ways] == ["one, dial 0", "one, dial 0.8", "two, dial 0", "two, dial 0.8"]
    assert not any(way.unseen for way in ways), "nobody knows whether another table holds the same tasks"
    expected = two_kinds_policy.choose(table.prompts, 0.8)
    place = [table.models.index(name) for name in expected]
    np.testing.assert_array_equal(ways[1].quality, table.quality[np.arange(80), place])
    np.testing.assert_array_equal(ways[1].usd, table.cost_usd[np.arange(80), place])
