import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from router_training.contract import Forecasts, UsageError
from router_training.learning.decision import decide

MODELS = ("ant", "bee", "cat")
unit = st.floats(0, 1)


def forecasts(p, usd, models=MODELS):
    p, usd = np.atleast_2d(p).astype(float), np.atleast_2d(usd).astype(float)
    return Forecasts(models, p, usd, np.zeros_like(p), np.zeros(len(p)))


matrices = st.tuples(arrays(np.float64, (4, 3), elements=unit), arrays(np.float64, (4, 3), elements=unit))


def test_dial_1_wants_it_right_and_dial_0_wants_it_cheap():
    known = forecasts([0.9, 0.8, 0.1], [3, 2, 1])
    assert decide(known, 1.0, 3.0).tolist() == [0]
    assert decide(known, 0.0, 3.0).tolist() == [2]
    assert decide(known, 0.7, 3.0).tolist() == [1]


def test_ties_go_to_the_cheaper_model_then_to_the_name():
    assert decide(forecasts([0.5, 0.5, 0.5], [2, 1, 1]), 1.0, 2.0).tolist() == [1]
    assert decide(forecasts([0.5, 0.5, 0.5], [1, 1, 1], ("cat", "bee", "ant")), 0.5, 1.0).tolist() == [2]


@pytest.mark.parametrize("dial", [-0.1, 1.1, float("nan")])
def test_a_dial_outside_0_to_1_is_refused(dial):
    with pytest.raises(UsageError, match=r"must lie in \[0, 1\]"):
        decide(forecasts([0.5, 0.5, 0.5], [1, 1, 1]), dial, 1.0)


def test_no_prompts_need_no_choice():
    assert decide(forecasts(np.zeros((0, 3)), np.zeros((0, 3))), 0.5, 1.0).shape == (0,)


@given(matrices, unit, unit)
def test_a_higher_dial_never_picks_a_model_less_likely_to_succeed(matrix, one, other):
    known = forecasts(*matrix)
    low, high = (decide(known, dial, 1.0) for dial in sorted((one, other)))
    rows = np.arange(4)
    assert (known.p_success[rows, high] >= known.p_success[rows, low] - 1e-9).all()


@given(matrices, unit, st.permutations(range(3)))
def test_the_order_of_models_changes_nothing(matrix, dial, order):
    p, usd = matrix
    chosen = [MODELS[j] for j in decide(forecasts(p, usd), dial, 1.0)]
    models = tuple(MODELS[j] for j in order)
    shuffled = forecasts(p[:, order], usd[:, order], models)
    assert [models[j] for j in decide(shuffled, dial, 1.0)] == chosen


@given(matrices, unit, st.integers(0, 2), unit)
def test_a_price_cut_never_makes_a_model_chosen_less(matrix, dial, model, share):
    p, usd = matrix
    cut = usd.copy()
    cut[:, model] *= share
    before, after = (decide(forecasts(p, prices), dial, 1.0) == model for prices in (usd, cut))
    assert (after | ~before).all()


@given(matrices, unit)
def test_a_batch_is_decided_as_its_prompts_alone(matrix, dial):
    p, usd = matrix
    alone = [decide(forecasts(p[i], usd[i]), dial, 1.0)[0] for i in range(4)]
    assert decide(forecasts(p, usd), dial, 1.0).tolist() == alone
