"""When two answers count as the same."""

import pytest

from router_training.answers.same_answer import canonical, same_answer

MANY = "How many apples are left?"


@pytest.mark.parametrize(
    ("prompt", "first", "second"),
    [
        (MANY, "There are 1,200 apples.", "So the total is 1200.0"),
        (MANY, "12", "Answer: 12"),
        ("Which is it?", "**B**", "b."),
        ("Give JSON", '```json\n{"a": 1, "b": 2}\n```', '{"b": 2, "a": 1}'),
        ("Reason, then answer", '{"reasoning": "x", "answer": "42"}', '{"reasoning": "y", "answer": 42}'),
        ("Capital?", "Paris", "The final answer is: paris"),
    ],
)
def test_answers_in_other_words_are_the_same(prompt, first, second):
    assert same_answer(prompt, first, second) and same_answer(prompt, second, first)


@pytest.mark.parametrize(
    ("prompt", "first", "second"),
    [
        (MANY, "12", "13"),
        ("Which is it?", "A", "B"),
        ("Give JSON", '{"a": 1}', '{"a": 2}'),
        ("Anything", "", ""),
        ("Anything", "  ", "..."),
    ],
)
def test_different_and_empty_answers_do_not_agree(prompt, first, second):
    assert not same_answer(prompt, first, second)


def test_a_deeply_nested_answer_is_read_without_fail():
    assert canonical("Give JSON", "[" * 100_000) == canonical("Give JSON", "[" * 100_000)
