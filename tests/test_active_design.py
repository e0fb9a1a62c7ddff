"""What the design asks: everyone at first, then who may still win; never a cell twice, never all by rule."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from router_training.active_design import PAYS, PILOT, Gain, Labels, doubling_gain, in_race, next_cells
from router_training.contract import UsageError

USD = np.array([1.0, 2.0, 3.0])


def world(n=600, rates=(0.5, 0.2, 0.8), seed=0):
    """Return vectors and the whole truth of n tasks; the middle model lies below the mix of the others."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 8)).astype(np.float32)
    return vectors, (rng.random((n, len(rates))) < rates).astype(float)


def known(vectors, truth, asked, usd=USD):
    return Labels(
        vectors, np.broadcast_to(usd[: truth.shape[1]], truth.shape), np.where(asked, truth, np.nan), asked
    )


def played(vectors, truth, total, batch=150, seed=0):
    rng, asked = np.random.default_rng(seed), np.zeros(truth.shape, dtype=bool)
    while asked.sum() < total:
        cells = next_cells(known(vectors, truth, asked), min(batch, total - int(asked.sum())), rng)
        assert not (cells & asked).any()
        asked |= cells
    return asked


def test_at_first_all_models_are_asked_the_same_tasks():
    vectors, truth = world()
    asked = played(vectors, truth, PILOT * 3)
    assert (asked.all(axis=1) | ~asked.any(axis=1)).all() and asked.all(axis=1).sum() == PILOT


def test_a_model_below_the_mix_of_two_others_is_asked_little_and_never_not_at_all():
    vectors, truth = world()
    asked = played(vectors, truth, 900)
    assert in_race(known(vectors, truth, asked)).tolist() == [True, False, True]
    shares = asked.mean(axis=0)
    assert shares[1] < 0.3 < 0.55 < min(shares[0], shares[2])
    assert asked[:, 1].sum() > PILOT


def test_a_model_that_is_no_better_and_no_cheaper_leaves_the_race():
    vectors, truth = world(rates=(0.7, 0.4, 0.3))
    assert in_race(known(vectors, truth, np.ones(truth.shape, dtype=bool))).tolist() == [True, False, False]


def test_few_labels_put_nobody_out_of_the_race():
    vectors, truth = world()
    asked = np.zeros(truth.shape, dtype=bool)
    assert in_race(known(vectors, truth, asked)).all()
    asked[:3] = True
    truth[:3] = [[1, 0, 1], [0, 1, 1], [1, 0, 0]]
    assert in_race(known(vectors, truth, asked)).all()


def test_two_models_that_are_one_do_not_both_leave_the_race():
    vectors, truth = world(rates=(0.5, 0.5, 0.9))
    truth[:, 1] = truth[:, 0]
    racing = in_race(known(vectors, truth, np.ones(truth.shape, dtype=bool), np.array([1.0, 1.0, 3.0])))
    assert racing[2] and (racing[0] or racing[1])


def test_cells_that_were_asked_and_failed_are_not_asked_again():
    vectors, truth = world(n=50)
    asked = np.ones(truth.shape, dtype=bool)
    asked[7] = False
    labels = Labels(vectors, np.broadcast_to(USD, truth.shape), np.full(truth.shape, np.nan), asked)
    cells = next_cells(labels, 100, np.random.default_rng(0))
    assert cells[7].all() and cells.sum() == 3
    assert not next_cells(Labels(vectors, labels.usd, truth, asked | True), 5, np.random.default_rng(0)).any()


@given(st.integers(1, 40), st.integers(0, 5), st.integers(1, 30))
@settings(max_examples=25)
def test_never_more_cells_than_asked_for_nor_fewer_than_there_are(n, seed, count):
    vectors, truth = world(n=n, seed=seed)
    rng = np.random.default_rng(seed)
    asked = rng.random(truth.shape) < 0.5
    cells = next_cells(known(vectors, truth, asked), count, rng)
    assert cells.sum() == min(count, (~asked).sum()) or (cells.sum() < count and (~asked & ~cells).any())
    assert cells.sum() >= min(1, (~asked).sum()) and not (cells & asked).any()


def test_the_same_seed_asks_the_same_cells():
    vectors, truth = world()
    np.testing.assert_array_equal(played(vectors, truth, 700, seed=3), played(vectors, truth, 700, seed=3))


def test_every_part_of_the_order_holds_each_region_in_proportion():
    rng = np.random.default_rng(0)
    region = np.repeat([0, 1, 2, 3], [320, 160, 80, 40])
    vectors = (np.eye(8)[region] + 0.001 * rng.normal(size=(600, 8))).astype(np.float32)
    truth = (rng.random((600, 2)) < 0.7).astype(float)
    for total in (PILOT, 250, 400):
        asked = played(vectors, truth, 2 * total, batch=80)
        shares = np.bincount(region[asked.any(axis=1)], minlength=4) / np.bincount(region)
        assert np.abs(shares - total / 600).max() < 0.08  # drawing strays by 0.08 in the smallest at once


def test_a_model_that_comes_back_into_the_race_is_asked_the_tasks_that_were_begun_without_it():
    vectors, truth = world(rates=(0.5, 0.7, 0.8))
    asked = np.zeros(truth.shape, dtype=bool)
    asked[:PILOT] = True
    asked[PILOT:200, [0, 2]] = True
    cells = next_cells(known(vectors, truth, asked), 60, np.random.default_rng(0))
    assert cells[PILOT:200, 1].sum() == 60 == cells.sum()


def test_two_models_are_asked_whole_tasks_alike():
    vectors, truth = world(rates=(0.5, 0.8))
    asked = played(vectors, truth, 700)
    assert (asked.all(axis=1) | ~asked.any(axis=1)).all()


def test_where_prompts_tell_who_succeeds_more_labels_may_pay_and_where_nothing_does_they_do_not():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(80, 60)).astype(np.float32)
    truth = np.stack([vectors[:, 0] > 0, vectors[:, 0] <= 0], axis=1).astype(float)
    all_asked = np.ones(truth.shape, dtype=bool)
    usd = np.array([1.0, 1.2])
    assert doubling_gain(known(vectors, truth, all_asked, usd), np.random.default_rng(0)).may_pay
    sure = np.tile([1.0, 0.0], (400, 1))
    vectors = rng.normal(size=(400, 8)).astype(np.float32)
    asked = np.ones(sure.shape, dtype=bool)
    gain = doubling_gain(known(vectors, sure, asked, np.array([1.0, 1.0])), np.random.default_rng(0))
    assert not gain.may_pay  # one model is right always, at the same price: nothing is left to learn


def test_the_rule_of_stopping_counts_the_error():
    assert (
        Gain(0.0, 0.6 * PAYS).may_pay and not Gain(0.0, 0.4 * PAYS).may_pay and not Gain(-PAYS, PAYS).may_pay
    )


def test_a_batch_has_a_cell():
    vectors, truth = world(n=5)
    with pytest.raises(UsageError, match="at least one cell"):
        next_cells(known(vectors, truth, np.zeros(truth.shape, dtype=bool)), 0, np.random.default_rng(0))
