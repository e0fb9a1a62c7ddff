from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from router_training.learning.selection import (
    CONSTANT,
    Candidate,
    Trial,
    area_under_roc,
    group_folds,
    select,
)

RNG = np.random.default_rng(0)
N = 300
SIDE = np.arange(N) % 2
INPUTS = (RNG.normal(0, 0.3, (N, 4)) + SIDE[:, None] * np.eye(4)[0]).astype(np.float32)
USD = np.tile([1.0, 10.0], (N, 1))
LEARNABLE = (RNG.random((N, 2)) < np.column_stack([0.1 + 0.8 * SIDE, np.full(N, 0.9)])).astype(float)
NOISE = RNG.integers(0, 2, (N, 2)).astype(float)
LOGISTIC = Candidate("logistic", {"C": 1.0})


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Matrices this small are slower on more."""
    with threadpool_limits(limits=1):
        yield


def trial(quality, folds=None):
    folds = np.arange(N) % 5 if folds is None else folds
    return Trial(("cheap", "dear"), INPUTS, quality, USD, USD, folds, np.arange(N))


def test_folds_never_part_a_group():
    groups = RNG.integers(0, 40, 200)
    folds = group_folds(groups)
    assert set(folds) == set(range(5))
    assert all(len(set(folds[groups == group])) == 1 for group in np.unique(groups))


def test_there_are_no_more_folds_than_groups():
    assert sorted(set(group_folds(np.array([0, 0, 1])))) == [0, 1]


def test_what_can_be_learnt_beats_the_constant():
    found = select(trial(LEARNABLE), [LOGISTIC])
    assert found.winner == LOGISTIC and found.scores[1].gain > 0.05 > found.scores[1].gain_se
    assert found.scores[1].auc > 0.6 and found.scores[1].brier < found.scores[0].brier


def test_the_constant_stays_where_nothing_can_be_learnt():
    candidates = [LOGISTIC, Candidate("knn", {"k": 5}), Candidate("cluster", {"k": 8})]
    assert select(trial(NOISE), candidates).winner.name == CONSTANT


def test_neither_rounding_nor_a_loss_unseats_the_constant():
    alike = Candidate("logistic", {"C": 1e-12})
    assert select(trial(LEARNABLE), [alike]).winner.name == CONSTANT


def test_the_last_candidate_is_tested_against_the_constant():
    useless = Candidate("logistic", {"C": 1e-12})
    assert select(trial(LEARNABLE), [LOGISTIC, useless]).winner.name == CONSTANT
    assert select(trial(LEARNABLE), [useless, LOGISTIC]).winner == LOGISTIC


def test_another_takes_the_place_of_the_last_only_if_it_is_clearly_ahead():
    weaker, alike = Candidate("logistic", {"C": 0.003}), Candidate("logistic", {"C": 0.9})
    assert select(trial(LEARNABLE), [weaker, LOGISTIC]).winner == LOGISTIC
    assert select(trial(LEARNABLE), [alike, LOGISTIC]).winner == LOGISTIC


def test_near_duplicates_are_one_piece_of_evidence():
    alone = select(trial(LEARNABLE), [LOGISTIC]).scores[1]
    copies = replace(trial(LEARNABLE), groups=np.arange(N) // 10)
    assert select(copies, [LOGISTIC]).scores[1].gain == alone.gain
    same = replace(
        copies, inputs=np.repeat(INPUTS[::10], 10, axis=0), quality=np.repeat(LEARNABLE[::10], 10, axis=0)
    )
    assert (
        select(replace(same, groups=np.arange(N)), [LOGISTIC]).scores[1].gain_se * 2
        < select(same, [LOGISTIC]).scores[1].gain_se
    )


def test_a_family_of_options_is_left_once_it_goes_downhill():
    weaker = [Candidate("logistic", {"C": C}) for C in (1.0, 0.001, 0.0001, 0.00001, 0.000001)]
    tried = [score.candidate for score in select(trial(LEARNABLE), weaker).scores]
    assert tried[0] == "constant()" and 3 <= len(tried) < 6


def test_the_constant_is_always_a_candidate_and_comes_first_once():
    labels = [score.candidate for score in select(trial(LEARNABLE), [LOGISTIC, Candidate(CONSTANT)]).scores]
    assert labels == ["constant()", "logistic(C=1)"]


def test_a_forecast_never_saw_its_own_outcome():
    changed = LEARNABLE.copy()
    changed[0] = 1 - changed[0]
    before, after = (select(trial(quality), [LOGISTIC]).p_out_of_fold for quality in (LEARNABLE, changed))
    assert np.array_equal(before[0], after[0]) and not np.array_equal(before[1], after[1])


def test_a_sparse_grid_shows_about_the_same_gain():
    holes = LEARNABLE.copy()
    holes[RNG.random(holes.shape) < 0.4] = np.nan
    whole, sparse = (select(trial(quality), [LOGISTIC]).scores[1].gain for quality in (LEARNABLE, holes))
    assert abs(whole - sparse) < 0.5 * whole


def test_progress_is_told_after_each_candidate():
    told = []
    select(trial(LEARNABLE), [LOGISTIC], lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("p", "area"), [([0.1, 0.2, 0.8, 0.9], 1.0), ([0.9, 0.8, 0.2, 0.1], 0.0), ([0.5] * 4, 0.5)]
)
def test_the_area_under_roc_is_the_chance_of_the_right_order(p, area):
    assert area_under_roc(np.array(p), np.array([0.0, 0.0, 1.0, 1.0])) == area


def test_the_area_is_unknown_where_all_outcomes_are_alike():
    assert np.isnan(area_under_roc(np.array([0.1, 0.9]), np.ones(2)))


def test_the_cheapest_viable_model_is_asked_for_in_the_order_of_prices():
    found = select(replace(trial(LEARNABLE), usd_forecast=USD[:, ::-1]), [Candidate("viable")])
    assert found.scores[1].candidate == "viable()"
    dear_first = select(trial(LEARNABLE), [Candidate("viable", {"C": 1.0})])
    assert dear_first.winner.options == {"C": 1.0, "order": (0, 1)}


def test_holes_make_the_measured_gain_no_more_than_a_little_noisier():
    rng = np.random.default_rng(5)
    holes = [np.where(rng.random(LEARNABLE.shape) < 0.4, np.nan, LEARNABLE) for _ in range(3)]
    scores = [select(trial(quality), [LOGISTIC]).scores[1] for quality in holes]
    assert all(score.gain > 1.64 * score.gain_se for score in scores)
