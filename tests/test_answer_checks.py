"""What can be seen in an answer without knowing whether it is right."""

import pytest
from hypothesis import given, strategies as st

from router_training.answers import answer_checks as checks

LOOP = "the cat sat on the mat and " * 12
ESSAY = "A cache keeps what was asked for lately close at hand. " + " ".join(f"word{i}" for i in range(60))


def test_an_open_fence_before_much_white_space_takes_no_time():
    assert not checks.holds_json("```" + " " * 200_000)


@pytest.mark.parametrize("text", ["", "  \n\t"])
def test_nothing_visible_is_empty(text):
    assert checks.is_empty(text) and not checks.is_empty("0")


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't assist with that.",
        "As an AI language model, I have no age.",
        "I cannot help with this.",
    ],
)
def test_declining_is_a_refusal(text):
    assert checks.is_refusal(text)


@pytest.mark.parametrize(
    "text", ["Paris", "She said: can you help me?", "You cannot divide by zero.", ESSAY + " I'm sorry."]
)
def test_an_answer_that_mentions_inability_late_or_of_others_is_no_refusal(text):
    assert not checks.is_refusal(text)


def test_going_in_circles_is_repetitive_and_a_long_text_is_not():
    assert checks.is_repetitive(LOOP) and checks.is_repetitive(ESSAY + LOOP * 4)
    assert not checks.is_repetitive(ESSAY) and not checks.is_repetitive("no no no no")


@pytest.mark.parametrize("text", ["```python\nx = 1", ESSAY + " and the", ESSAY + ","])
def test_a_text_that_stops_in_the_middle_is_cut_off(text):
    assert checks.is_cut_off(text)


@pytest.mark.parametrize("text", ["Paris", "blue, red and", "```\nx\n```", ESSAY + ".", "42"])
def test_short_or_finished_texts_are_not_cut_off(text):
    assert not checks.is_cut_off(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1}',
        "[1, 2]",
        'Here:\n```json\n{"a": [1]}\n```\nDone.',
        'Sure! {"a": 1} is it.',
        'See [1]: {"a": 1}',
    ],
)
def test_json_is_found_bare_fenced_or_amid_words(text):
    assert checks.holds_json(text)


@pytest.mark.parametrize("text", ["", "a: 1", "{a: 1}", '{"a": 1', "42", "[" * 100_000])
def test_what_is_no_object_or_array_is_not_json(text):
    assert not checks.holds_json(text)


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n    return x",
        "Here it is:\n```python\ndef f(x):\n    return x\n```",
        'x = "\\d"',
        "```\nprint(1)\n```",
    ],
)
def test_python_that_parses_is_found(text):
    assert checks.holds_python(text)


@pytest.mark.parametrize(
    "text",
    ["", "def f(x)\n return", "```python\ndef f(:\n```", "Here is the code you want", "\0", "(" * 9999],
)
def test_what_does_not_parse_is_not_python(text):
    assert not checks.holds_python(text)


@pytest.mark.parametrize(
    ("prompt", "json", "python", "number"),
    [
        ("Return a JSON object with keys a and b.", True, False, False),
        ("Write a Python function that adds two numbers.", False, True, False),
        ("Complete:\ndef add(a, b):", False, True, False),
        ("How many apples are left?", False, False, True),
        ("What is 17 + 25?", False, False, True),
        ("Is this review positive? 'A python bit me.'", False, False, False),
    ],
)
def test_the_form_that_a_prompt_asks_for(prompt, json, python, number):
    assert (checks.asks_json(prompt), checks.asks_python(prompt), checks.asks_number(prompt)) == (
        json,
        python,
        number,
    )


@pytest.mark.parametrize("text", ["42", "there are three", "None of them"])
def test_numbers_come_in_digits_and_words(text):
    assert checks.holds_number(text) and not checks.holds_number("I do not know")


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_text_breaks_a_check(prompt, answer):
    for name, check in vars(checks).items():
        if name.startswith(("is_", "holds_")):
            assert check(answer) in (True, False)
        if name.startswith("asks_"):
            assert check(prompt) in (True, False)
