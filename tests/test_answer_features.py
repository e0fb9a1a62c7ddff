import numpy as np
import pytest
from hypothesis import given, strategies as st

from router_training.answers.answer_features import FEATURE_NAMES, answer_features


def feature(name, prompt, answer):
    return float(answer_features([prompt], [answer])[0, FEATURE_NAMES.index(name)])


@pytest.mark.parametrize(
    ("name", "prompt", "answer"),
    [
        ("empty", "Hi", " \n"),
        ("refusal", "Hi", "I'm sorry, but I can't help with that."),
        ("json_as_asked", "Return JSON", '{"a": 1}'),
        ("json_missing", "Return JSON", "a is 1"),
        ("python_as_asked", "Write a Python function", "def f(x):\n    return x"),
        ("python_missing", "Write a Python function", "def f(x) return x"),
        ("number_as_asked", "How many?", "There are 3."),
        ("number_missing", "How many?", "A lot."),
        ("ends_in_a_number", "How many?", "The answer is 12."),
        ("one_word", "Capital of France?", "Paris"),
        ("chatty_start", "Sort.", "Sure! Here it is"),
        ("code_block", "Write code", "```\nx\n```"),
        ("ends_a_sentence", "Hi", "Done."),
    ],
)
def test_a_finding_is_1_where_it_holds_and_0_elsewhere(name, prompt, answer):
    assert feature(name, prompt, answer) == 1.0
    assert feature(name, "Tell me a story", "Once upon a time there was a fox who") == 0.0


def test_a_form_that_nobody_asked_for_is_neither_there_nor_missing():
    found = dict(zip(FEATURE_NAMES, answer_features(["Hi"], ['{"a": 1}'])[0], strict=True))
    assert not any(value for name, value in found.items() if name.endswith(("_as_asked", "_missing")))


def test_an_echo_of_the_prompt_shows():
    prompt = "Name the 3 largest rivers of Peru"
    assert feature("words_from_prompt", prompt, prompt) == 1.0
    assert feature("prompt_words_used", prompt, "Amazon, Ucayali, Marañón") == 0.0
    assert feature("numbers_from_prompt", "3 and 4", "3 and 9") == 0.5


def test_no_answers_give_no_rows():
    assert answer_features([], []).shape == (0, len(FEATURE_NAMES))


def test_an_answer_of_2_mb_is_looked_at_in_part():
    assert feature("log_words", "Hi", "word " * 400_000) < 9


@given(st.text(max_size=100), st.text(max_size=300))
def test_any_text_has_finite_features(prompt, answer):
    assert np.isfinite(answer_features([prompt], [answer])).all()
