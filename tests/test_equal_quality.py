"""The dial for equal quality: chosen on some tasks, judged on others."""

import numpy as np
import pytest

from router_training.judging.controls import Grid
from router_training.judging.equal_quality import FOLDS, cross_fitted

DIALS = np.array([0.0, 0.5, 1.0])


def grid_of(n=200, seed=0):
    rng = np.random.default_rng(seed)
    quality = np.column_stack([rng.random(n) < 0.5, rng.random(n) < 0.8]).astype(float)
    usd = np.tile([1.0, 10.0], (n, 1))
    return Grid(("a", "b"), quality, usd, usd, (None,) * n)


def knowing(grid):
    """Return a decision that asks the cheap model at 0, whoever is right at 0.5, and the dear one at 1."""
    ways = {
        0.0: np.zeros(len(grid), dtype=int),
        0.5: (1 - grid.quality[:, 0]).astype(int),
        1.0: np.ones(len(grid), dtype=int),
    }
    return lambda dial: ways[dial]


def test_the_cheapest_dial_that_is_as_good_is_taken():
    grid = grid_of()
    found = cross_fitted(grid, knowing(grid), np.arange(200), DIALS)
    assert found.dial == 0.5
    np.testing.assert_array_equal(found.choice, knowing(grid)(0.5))


def test_without_a_cheaper_dial_there_is_none():
    grid = grid_of()
    assert cross_fitted(grid, lambda dial: np.full(200, int(dial == 1.0)), np.arange(200), DIALS) is None


def test_too_few_groups_to_choose_on_some_and_judge_on_others():
    grid = grid_of()
    assert cross_fitted(grid, knowing(grid), np.arange(200) % (FOLDS - 1), DIALS) is None


def test_a_task_never_chooses_its_own_dial():
    """Turn one group's outcomes around: the choices of that group stay, for others chose its dial."""
    grid, groups = grid_of(40, 3), np.repeat(np.arange(8), 5)
    rng = np.random.default_rng(1)
    noise = {dial: rng.integers(0, 2, 40) for dial in DIALS.tolist()}
    for group in range(8):
        rows = groups == group
        turned = grid.quality.copy()
        turned[rows] = 1.0 - turned[rows]
        other = Grid(grid.models, turned, grid.usd, grid.usd, grid.task_types)
        one, two = (cross_fitted(g, lambda dial: noise[dial], groups, DIALS) for g in (grid, other))
        fallback = np.ones(40, dtype=int)
        mine, theirs = (fallback if found is None else found.choice for found in (one, two))
        np.testing.assert_array_equal(mine[rows], theirs[rows])


def test_noise_is_not_taken_for_a_saving_at_equal_quality():
    gains = []
    for seed in range(30):
        grid = grid_of(100, seed)
        rng = np.random.default_rng(seed + 100)
        dials = np.linspace(0.05, 0.95, 19)
        ways = {float(dial): (rng.random(100) < dial).astype(int) for dial in dials}
        found = cross_fitted(grid, lambda dial, ways=ways: ways[dial], np.arange(100), dials)
        if found is not None:
            gains.append((grid.quality[np.arange(100), found.choice] - grid.quality[:, 1]).mean())
    assert np.mean(gains) < 0.0, "a coin is worse than the best model, and the figures must say so"
    assert np.mean(gains) == pytest.approx(-0.05, abs=0.06)
