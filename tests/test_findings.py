"""What checks find in an answer, kind by kind."""

import json

import pytest
from hypothesis import given, strategies as st

from router_training.answers.answer_language import asked_language, is_other_language
from router_training.answers.shown import shown
from router_training.findings import (
    arithmetic,
    code,
    completeness,
    findings,
    format as form,
    grounding,
    kinds,
)

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
PASSAGE = (
    "Context: The bridge over the river Ems was opened in 1987 by Mayor Hilda Brandt, after nine years of building. "
    "It is 412 metres long and carries two lanes of traffic. [1] A toll was asked until 2003. [2]\n"
    "Who opened the bridge?"
)


@given(prompt=st.text(), answer=st.text())
def test_every_check_finds_exactly_one_thing_in_any_text(prompt, answer):
    found = findings(prompt, answer)
    assert [one.kind for one in found] == list(kinds())
    assert all(one.name and one.reason and "\n" not in one.reason for one in found)


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("16 - 3 - 4 = 9 and 9 * $2 = $18.", 2),
        ("1. 3 + 4 = 7. Then 7 / 3 = 2.33", 2),
        ("So 1,200 / 4 = 300 dollars", 1),
        (r"\frac{3}{4} + 1 = 1.75", 1),
        (r"\(2 \times 3 = 6\)", 1),
        ("- 3 + 4 = 7", 1),
        ("20% * 50 = 10", 1),
        ("(2/8) * 100 = 25%", 1),
        ("10 / 3 = 3", 1),
        ("2 x 3 = 6", 1),
        ("= 5", 0),
        ("5 = 5", 0),
    ],
)
def test_equations_that_hold_are_found_and_hold(text, n):
    found = list(arithmetic.equations(text))
    assert len(found) == n and all(arithmetic.holds(*sides) for sides in found)


@pytest.mark.parametrize(
    "text",
    [
        "x + 3 = 7",
        "2^3 + 1 = 9",
        "f(3) + 4 = 9",
        "17 + 3 = 2 (mod 5)",
        "101_2 + 1 = 110_2",
        "3 apples + 4 = 9",
        "12 / 5 = 2 r 2",
        "10:30 + 2 = 12:30",
        "a + 3 + 4 = 9",
        "3 + 4 == 8",
        "3 + 4 >= 6",
        "2 + 3 = 5x",
        "2 + 3 = n",
    ],
)
def test_what_is_no_plain_equation_is_left_alone(text):
    assert arithmetic.find("How much?", text).name == "absent"


@given(st.integers(-999, 999), st.integers(1, 999), st.sampled_from("+-*"), st.integers(1, 50))
def test_a_wrong_result_is_found_and_a_right_one_is_not(a, b, sign, off):
    exact = {"+": a + b, "-": a - b, "*": a * b}[sign]
    assert (
        arithmetic.find("", f"Then {abs(a)} {sign} {b} = {arithmetic.value(f'{abs(a)} {sign} {b}')}.").name
        == "all hold"
    )
    slack = abs(exact) // 1000
    wrong = arithmetic.find("", f"Here ({a}) {sign} {b} = {exact + off + slack + 1}")
    assert wrong.name == "one wrong" and "1 of 1" in wrong.reason


def test_right_equations_do_not_water_down_wrong_ones_and_those_of_the_prompt_do_not_count():
    padded = "3 + 4 = 8. " + " ".join(f"{n} + 1 = {n + 1}." for n in range(20))
    assert arithmetic.find("Add.", padded).name == arithmetic.find("Add.", "3 + 4 = 8.").name == "one wrong"
    assert arithmetic.find("Is 3 + 4 = 8 right?", "3 + 4 = 8 is not right.").name == "absent"


def test_expressions_are_parsed_and_never_run():
    assert arithmetic.value("__import__('os')") is None
    assert arithmetic.value("9 ** 9 ** 9") is None
    assert arithmetic.value("*".join(["9999999999"] * 7)) == 9999999999**7
    assert arithmetic.value("*".join(["9999999999"] * 20)) is None
    assert arithmetic.value("1 / 0") is None and arithmetic.value("(" * 5000) is None


@pytest.mark.parametrize(
    ("prompt", "answer", "name"),
    [
        ("Give JSON.", "none", "no JSON"),
        ("Give JSON.", '{"a": 1}', "as asked"),
        (f"Give JSON that fits {json.dumps(SCHEMA)}", '{"n": "x"}', "off schema"),
        (f"Give JSON that fits {json.dumps(SCHEMA)}", 'Here: {"n": 1}', "as asked"),
        ("Is it? Answer yes or no.", "Maybe.", "no yes or no"),
        ("Is it? Answer yes or no.", "Yes.", "as asked"),
        ("How many?", "Some.", "no number"),
        ("Describe it in one word.", "It is a very long day for all.", "too long"),
        ("Describe it in at most 20 words.", "word " * 30, "too long"),
        ("Describe it in two sentences.", "One. Two. Three.", "too long"),
        ("Describe it in at most 20 words.", "word " * 21, "as asked"),
        (
            "Answer the question in French.",
            "The cat is in the house and it is not that big.",
            "other language",
        ),
        (
            "Answer the question in French.",
            "Le chat est dans la maison et il n'est pas si grand.",
            "as asked",
        ),
        ("Translate 'hello' into Russian.", "hello", "other language"),
        ("Translate 'hello' into Russian.", "привет", "as asked"),
        ("Hello there", "Hi", "absent"),
    ],
)
def test_the_form_asked_for_is_looked_for(prompt, answer, name):
    assert form.find(prompt, answer).name == name


def test_the_schema_of_the_request_counts_and_one_that_is_none_rules_nothing_out():
    assert form.find("Fill it in.", '{"n": "x"}', json.dumps(SCHEMA)).name == "off schema"
    assert form.find("Fill it in.", '{"n": 1}', json.dumps(SCHEMA)).name == "as asked"
    assert form.find("Fill it in.", '{"n": 1}', '{"type": "object", "properties": 3}').name == "as asked"
    beyond = json.dumps({"type": "object", "properties": {"n": {"$ref": "http://nowhere.example/s"}}})
    assert form.find("Fill it in.", '{"n": 1}', beyond).name == "as asked"


def test_a_language_is_told_by_script_or_small_words_and_short_answers_get_the_benefit_of_doubt():
    assert asked_language("Please translate the next line to german: hi") == "German"
    assert asked_language("I live in German lands") is None
    assert not is_other_language("Paris", "French") and not is_other_language("", "French")
    assert is_other_language("你好，很高兴认识你", "French")


@pytest.mark.parametrize(
    ("prompt", "answer", "name"),
    [
        ("Write a Python function add(a, b).", "def add(a, b):\n    return a + b", "parses"),
        ("Write a Python function add(a, b).", "def plus(a, b):\n    return a + b", "misnamed"),
        ("Write a Python function add(a, b).", "def add(a, b:", "no Python"),
        ("Here is Python code.\ndef f(x):\n    return x\nWhat does f(3) give?", "3", "absent"),
        ("Capital of France?", "Paris", "absent"),
    ],
)
def test_python_is_looked_for_where_it_is_asked_for(prompt, answer, name):
    assert code.find(prompt, answer).name == name


def test_tests_are_read_from_asserts_and_doctests_of_the_prompt():
    prompt = "Write add.\nassert add(1, 2) == 3\n>>> add(2, 2)\n4\nassert import os"
    assert code.given_tests(prompt) == ["add(1, 2) == 3", "(add(2, 2)) == (4)"]


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("It was opened by Hilda Brandt in 1987.", "grounded"),
        ('The text says "opened in 1987 by Mayor Hilda Brandt".', "grounded"),
        ('The text says "opened with a great parade in the rain".', "invented quote"),
        ("It was opened by Mayor Otto Kranz.", "invented name"),
        ("It was opened in 1991.", "invented number"),
        ("Hilda Brandt [1].", "grounded"),
        ("Hilda Brandt [7].", "invented source"),
    ],
)
def test_what_an_answer_cites_is_looked_up_in_the_given_text(answer, name):
    assert grounding.find(PASSAGE, answer).name == name


def test_without_a_given_text_there_is_nothing_to_look_up():
    assert grounding.find("Who opened the bridge?", "Otto Kranz in 1991 [9].").name == "absent"


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("\u200b\u2060 ", "empty"),
        ("What is the tallest mountain in the whole world?", "copied"),
        ("Mount Everest is the tallest mountain in the whole world.", "complete"),
        ("I'm sorry, but I can't help with that.", "declined"),
    ],
)
def test_an_answer_that_is_none_is_told(answer, name):
    assert completeness.find("What is the tallest mountain in the whole world?", answer).name == name


def test_a_copy_that_was_asked_for_is_no_flaw():
    prompt = "Repeat: the quick brown fox jumps over the lazy dog"
    assert completeness.find(prompt, "Repeat: the quick brown fox jumps over the lazy dog").name == "complete"


@given(st.text(max_size=300))
def test_what_an_answer_shows_is_shown_again(text):
    assert set(shown(text)) <= set(text)
    assert len(shown(text)) <= len(text)
