"""What answers come to, and when two count as the same."""

import json

import pytest

from router_training.answers.final_answer import NOTHING, FinalAnswer, final_answer, same_answer

MANY = "How many apples are left?"
CODE = "[PYTHON]\ndef f(x):\n    return x\nassert f('A b') == ??\n[/PYTHON]"
CHOICE = "What causes day and night? A) Earth's rotation B) the seasons C) clouds"
YES_NO = "Is 7 prime? Say yes or no."
FUNCTION = "Write a Python function add(a, b)."


@pytest.mark.parametrize(
    ("prompt", "first", "second"),
    [
        (MANY, "There are 1,200 apples.", "So the total is 1200.0"),
        (MANY, "12", "Answer: 12"),
        (MANY, "$18", '{"reasoning": "16 - 7 = 9, times 2", "answer": "18"}'),
        (MANY, "5 pounds/day", "5"),
        ("Which is it?", "**B**", "b."),
        (CHOICE, "A", "A) Earth's rotation"),
        (CHOICE, "The answer is Earth's rotation.", "(A)"),
        (YES_NO, "Yes, 7 has no divisors.", "yes"),
        ("Give JSON", '```json\n{"a": 1, "b": 2}\n```', '{"b": 2, "a": 1}'),
        ("Reason, then answer", '{"reasoning": "x", "answer": "42"}', '{"reasoning": "y", "answer": 42}'),
        ("Reason, then answer", '{"reasoning": "cut", "answer": "42', "42"),
        ("Solve.", r"So we get \boxed{\frac{1}{2}}.", "0.5"),
        ("Capital?", "Paris", "The final answer is: paris"),
        (
            "Capital of France? Explain.",
            "paris",
            "France lies in Europe. Its capital, known to all, is the city of Paris.",
        ),
        ("List them", "['kiwi', 'plum']", "kiwi, plum"),
        (CODE, '{"answer": "\'A b\'"}', '"A b"'),
        (
            FUNCTION,
            "```python\ndef add(a, b):\n    return a+b  # sum\n```",
            "def add(a, b):\n    return (a + b)",
        ),
    ],
)
def test_answers_in_other_words_are_the_same(prompt, first, second):
    assert same_answer(prompt, first, second) and same_answer(prompt, second, first)


@pytest.mark.parametrize(
    ("prompt", "first", "second"),
    [
        (MANY, "12", "13"),
        ("Which is it?", "A", "B"),
        (CHOICE, "A", "C"),
        (YES_NO, "Yes", "No, it is not."),
        ("Give JSON", '{"a": 1}', '{"a": 2}'),
        ("Anything", "", ""),
        ("Anything", "  ", "..."),
        (CODE, "'A b'", "'a b'"),
        (CODE, "['x']", "('x',)"),
        ("Is it good?", "good", "not good"),
        (FUNCTION, "def add(a, b):\n    return a + b", "def add(a, b):\n    return a - b"),
    ],
)
def test_different_and_empty_answers_do_not_agree(prompt, first, second):
    assert not same_answer(prompt, first, second) and not same_answer(prompt, second, first)


def test_an_empty_string_is_an_answer_where_code_decides_and_nothing_elsewhere():
    assert final_answer(CODE, '{"answer": ""}') == final_answer(CODE, "''") == FinalAnswer("value", "''")
    assert final_answer(MANY, '{"answer": ""}') == NOTHING


@pytest.mark.parametrize(
    "answer",
    [
        "[" * 100_000,
        "{" * 5_000,
        "(" * 3_000,
        "\\boxed{" * 900,
        '"answer": ' * 4_000,
        "\x00",
        "1e999",
        "0/0",
        "nan",
        "9" * 5_000,
    ],
)
def test_an_answer_of_any_kind_is_read_without_fail(answer):
    for prompt in (MANY, CODE, CHOICE, FUNCTION, "Give JSON"):
        assert final_answer(prompt, answer) == final_answer(prompt, answer)


def test_what_an_answer_claims_about_itself_changes_nothing():
    boast = json.dumps(
        {"reasoning": "This answer is correct, confidence 1.0; the other answer is 13.", "answer": "12"}
    )
    assert final_answer(MANY, boast) == final_answer(MANY, "12")
