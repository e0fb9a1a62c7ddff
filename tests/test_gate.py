"""The gate: every rule on the same tasks, at a level that many tries cannot wear down."""

import numpy as np
import pytest

from router_training.judging.controls import Grid
from router_training.judging.gate import Sides, interval_at, level_of, reasons

MODELS = ("large", "small")


def grid(n=600, seed=0, types=("sums", "poems")):
    """The small model, at a tenth of the price, is right on sums alone; the large one nearly always."""
    rng = np.random.default_rng(seed)
    names = tuple(types[i % 2] for i in range(n))
    p = np.array([[0.95, 0.9 if i % 2 == 0 else 0.1] for i in range(n)])
    quality = (rng.random((n, 2)) < p).astype(float)
    usd = np.tile([1.0, 0.1], (n, 1))
    return Grid(MODELS, quality, usd, np.full((n, 2), np.nan), names)


def sides(grid, challenger, champion=None):
    rows = {
        "router": np.arange(len(grid)) % 2 == 0,  # sums to the small one
        "backwards": np.arange(len(grid)) % 2 == 1,
        "large": np.zeros(len(grid), dtype=bool),
        "small": np.ones(len(grid), dtype=bool),
    }
    choice = {name: row.astype(np.int64)[None] for name, row in rows.items()}
    return Sides(choice[challenger], None if champion is None else choice[champion], 0, 0.8, 1.0)


def held(grid, *who, **options):
    return {reason.rule: reason.holds for reason in reasons(grid, sides(grid, *who), n_boot=300, **options)}


def test_a_router_that_knows_its_models_passes_every_rule():
    found = held(grid(), "router", "large")
    assert all(found.values()) and len(found) == 5, found


def test_a_constant_beats_neither_itself_nor_a_mix():
    found = held(grid(), "large")
    assert not any(holds for rule, holds in found.items() if "loss" not in rule)


def test_the_same_choices_as_the_champion_are_no_gain():
    found = held(grid(), "router", "router")
    assert not found.pop("champion, over all dials (hull lift)") and all(found.values())


def test_what_is_lost_on_one_task_type_is_not_made_up_by_another():
    rng = np.random.default_rng(3)
    one = grid(1000)
    quality = one.quality.copy()
    quality[1::2, 0] = rng.random(500) < 0.6  # the large model fails at poems as often as not
    quality[1::2, 1] = rng.random(500) < 0.2
    other = Grid(MODELS, quality, one.usd, one.latency_s, one.task_types)
    found = held(other, "small", "large")
    assert not found["loss on poems (worth)"]
    assert held(other, "small", "large", margin=0.5)["loss on poems (worth)"]


def test_a_type_with_few_tasks_is_no_rule():
    assert not any("loss" in rule for rule in held(grid(30), "router", "large"))
    assert not any("loss" in rule for rule in held(grid(types=("", "")), "router", "large"))


def test_all_tries_together_stay_below_the_level():
    spent = sum(level_of(t) for t in range(1, 10_000))
    assert level_of(1) == 0.025 and 0.0499 < spent < 0.05


def test_a_gain_that_convinces_at_first_does_not_at_the_thousandth_try():
    rng = np.random.default_rng(5)
    n = 400
    quality = np.stack([rng.random(n) < 0.6, rng.random(n) < 0.6], axis=1).astype(float)
    same = Grid(MODELS, quality, np.ones((n, 2)), np.full((n, 2), np.nan), (None,) * n)
    better = quality.argmax(axis=1)
    better[rng.random(n) < 0.72] = 0
    at = Sides(better[None], None, 0, 0.8, 1.0)
    first, late = (reasons(same, at, tries=tries)[0] for tries in (1, 1000))
    assert first.figure.value == late.figure.value and late.figure.low < first.figure.low
    assert first.holds and not late.holds


def test_promotions_of_an_equal_challenger_are_as_rare_as_stated():
    """Challengers no better than the champion, on fresh gold each: the share promoted stays near the level."""
    promoted = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        quality = (rng.random((150, 2)) < 0.6).astype(float)
        one = Grid(MODELS, quality, np.ones((150, 2)), np.full((150, 2), np.nan), (None,) * 150)
        pair = Sides(rng.integers(0, 2, (1, 150)), rng.integers(0, 2, (1, 150)), 0, 0.8, 1.0)
        promoted += reasons(one, pair, seed=seed, n_boot=200)[0].holds
    assert promoted <= 12, "2.5% of 200 are 5; 12 or more happen once in 250 runs"


@pytest.mark.parametrize("level", [0.1, 1e-6])
def test_an_interval_holds_its_value_and_widens_as_the_level_shrinks(level):
    resamples = np.random.default_rng(0).normal(0.3, 0.1, 500)
    found = interval_at(0.3, resamples, level)
    assert found.low < 0.3 < found.high
    assert interval_at(0.3, resamples, level / 10).low < found.low
