import numpy as np

from router_training.answers.answer_features import FEATURE_NAMES
from router_training.answers.answer_inputs import Answers, AnswerScale


def answers(texts, model, tokens=None, p=0.5):
    n = len(texts)
    tokens = np.full(n, np.nan) if tokens is None else np.array(tokens, dtype=float)
    return Answers(["How many?"] * n, texts, np.full(n, p), np.array(model), tokens)


TRAINING = answers(["12", "a dozen of them"] * 10, [0, 1] * 10, [2, 30] * 10)
SCALE = AnswerScale.of(TRAINING, 3)


def test_inputs_are_the_forecast_the_habit_the_model_and_the_checks():
    inputs = SCALE.inputs(TRAINING)
    assert inputs.shape == (20, 2 + 3 + len(FEATURE_NAMES))
    assert np.allclose(inputs[:, 0], 0.0) and np.allclose(inputs[:, 1], 0.0)
    assert np.array_equal(inputs[0, 2:5], [1, 0, 0]) and np.array_equal(inputs[1, 2:5], [0, 1, 0])


def test_an_answer_longer_than_the_models_habit_stands_out():
    unusual = SCALE.inputs(answers(["12"], [0], [200]))[0, 1]
    assert unusual == 4.0


def test_unknown_token_counts_are_estimated_from_characters():
    counted, estimated = (SCALE.inputs(answers(["a dozen of them"], [1], tokens)) for tokens in ([30], None))
    assert np.allclose(counted, estimated)


def test_an_unknown_model_has_no_habit_and_no_column():
    assert not SCALE.inputs(answers(["12"], [-1], [9]))[0, 1:5].any()
