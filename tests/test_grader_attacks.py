"""Answers that hedge, deny, restate or dress up: each grader says what a person would, or that it cannot judge."""

import json

import pytest

from router_training.answer_numbers import NUMBER, readings
from router_training.contract import Task
from router_training.labels.grading import judged
from tests.test_graders import FIELDS, LETTER, PERSON, SENTIMENT, SQL, TESTS, YES, choice, grader

RIGHT = {
    "numeric": [
        ("1\u202f234", "1234"),
        ("1\u00a0234.5", "1234.5"),
        ("1'234", "1234"),
        ("€1.234,50", "1234.5"),
        ("12,34", "12.34"),
        ("1e3", "1000"),
        ("1.5 × 10^3", "1500"),
        ("10^3", "1000"),
        ("1/2", "0.5"),
        ("3 1/2", "3.5"),
        (".5", "0.5"),
        ("minus 7", "-7"),
        ("negative forty-two", "-42"),
        ("one hundred and five", "105"),
        ("3 million", "3000000"),
        ("two million three hundred", "2000300"),
        ("50%", "50"),
        ("50%", "0.5"),
        ("300K", "300"),
        ("42km", "42"),
        ("٤٢", "42"),
        ("Is it 41 or 42? It is 42.", "42"),
        ("0.5 or 1/2", "0.5"),
        ("The answer is 6 hours, or 360 minutes", "6"),
        ("The answer is 42, not 41", "42"),
        ("10 minus 7 is 3", "3"),
        ("There is no doubt: it is 42", "42"),
        ("It is not 41. It is 42.", "42"),
        ("```42```", "42"),
    ],
    "choice": [
        ("b", LETTER),
        ("(b)", LETTER),
        ("I would choose B", LETTER),
        ("A is wrong, so B.", LETTER),
        ("It is not A) but B)", LETTER),
        ("B because honey is sticky, unlike A", LETTER),
        ("A) a silk thread\n\nThe answer is B) honey.", LETTER),
        ("I'd say C", choice("C", *"ABCDEFGHI", meanings=[f"word {n}" for n in range(9)])),
        ("Vitamin C", choice("B", *"ABC", meanings=["vitamin A", "vitamin C", "vitamin D"])),
        ("not negative but positive", SENTIMENT),
        ("True: it is not false", choice("true", "true", "false")),
        ("The statement isn't true. False.", choice("false", "true", "false")),
        ("The news had no effect on him.", choice("effect", "affect", "effect")),
    ],
    "exact_normalised": [
        ("Pa\u200bris", "Paris"),
        ("```Paris```", "Paris"),
        ("Straße", "STRASSE"),
        ("Fleming or Alexander Fleming", '["Fleming", "Alexander Fleming"]'),
        ("I don't doubt that it is Paris", "Paris"),
        ("Beyond doubt it is Paris", "Paris"),
        ("It is -5.", "-5"),
    ],
    "contains": [("Lyons", '{"none": ["Lyon"]}'), ("Ticket ABC-123", "123")],
    "json_schema": [
        ("[1, 2]", '{"schema": {"type": "array"}, "expected": [1, 2]}'),
        ('{"a": "30 USD"}', '{"schema": {}, "expected": {"a": 30}}'),
    ],
    "json_fields": [
        ('[{"name": "Ann"}]', '{"fields": {"0.name": "Ann"}}'),
        ('{"v": "1e3"}', '{"fields": {"v": 1000}}'),
    ],
    "sql_result": [
        ("SELECT name FROM people WHERE name != ';' AND age > 30", SQL),
        ("I select from the table: SELECT name FROM people WHERE age > 30; done.", SQL),
        ("```SELECT name FROM people WHERE age > 30```", SQL),
    ],
    "math_equal": [("3 1/2", "3.5"), ("42 is wrong, it is 43", "43")],
    "list_": [("1,000, 2,000", '["1000", "2000"]'), ("100,200,300", '["100", "200", "300"]')],
    "email_set": [("There is none.", "[]")],
}
WRONG = {
    "numeric": [
        ("42 or 43", "42"),
        ("43 or maybe 42", "42"),
        ("42 hours or 43 hours", "42"),
        ("It can't be 42.", "42"),
        ("It is definitely not equal to 42", "42"),
        ("I don't think it is 42", "42"),
        ("I doubt that it is 42", "42"),
        ("no, 42 is wrong", "42"),
        ("1/2", "1"),
        ("3 1/2", "3"),
        ("10^3", "10"),
        ("forty-two", "2"),
        ("3 million", "3"),
        ("12,34", "1234"),
        ("9^999", "9"),
        ("1/0", "1"),
    ],
    "choice": [
        ("not (B)", LETTER),
        ("The answer is C, for B is right only at times", LETTER),
        ("C, though some say B is right or correct", LETTER),
        ("B or C", LETTER),
        ("honey or milk", LETTER),
        ("A) a silk thread B) honey C) wool D) milk", LETTER),
        ("A) a silk thread B) honey C) wool D) milk", choice("A", *"ABCD", meanings=["a silk thread"])),
        ("B is wrong. The answer is C.", LETTER),
        ("The answer is Barcelona", LETTER),
        ("positive or negative", SENTIMENT),
        ("1" * 5000, choice("1", "1", "2")),
        ("It is neither true nor false", choice("true", "true", "false")),
        ("It is true or false", choice("true", "true", "false")),
        ("The sentiment is positive or neutral.", SENTIMENT),
        ("hardly positive", SENTIMENT),
        ("non-positive", SENTIMENT),
        ("yes and no", YES),
        ("Yes or no? Hard to say.", YES),
    ],
    "exact_normalised": [
        ("Paris is wrong", "Paris"),
        ("It can't be Paris", "Paris"),
        ("I don't think it's Paris", "Paris"),
        ("-5", "5"),
        ("3.5", "5"),
        ("1,234", "234"),
        ("C++", "C"),
        ("It is C#.", "C"),
    ],
    "exact_case": [("not MACHINE", "MACHINE")],
    "contains": [("can't be Paris", "Paris"), ("42.5", "42"), ("-42", "42"), ("1,042", "042")],
    "calendar_date": [("2024-03-01 or 2024-03-02", "2024-03-01"), ("not 2024-03-01", "2024-03-01")],
    "time_of_day": [("09:05 or 09:06", "09:05"), ("not 09:05", "09:05")],
    "acronym": [("not BOT", "bot")],
    "json_schema": [
        ('{"a": "not 1"}', '{"schema": {}, "expected": {"a": 1}}'),
        ('{"a": "1 2"}', '{"schema": {}, "expected": {"a": 1}}'),
        ('{"name": "Ann", "age": true, "likes": ["tea", "pens"]}', PERSON),
    ],
    "json_fields": [('{"a": "1_0"}', '{"fields": {"a": 10}}'), ('{"id": "007"}', '{"fields": {"id": "7"}}')],
    "math_equal": [("42 or 43", "42"), (r"\boxed{42} is wrong", "42"), ("−42", "42")],
}
NO_JUDGEMENT = {
    "numeric": [
        ("42", "inf"),
        ("42", "nan"),
        ("42", '{"value": 42, "abs": -1}'),
        ("42", "[42, 43]"),
        ("42", ""),
    ],
    "exact": [("", ""), ("", "[]"), ("a", " ")],
    "exact_normalised": [("Paris or Lyon", "Paris"), ("Lyon or Paris", "Paris"), ("x", ""), ("x", "[]")],
    "exact_case": [("MACHINE or ENGINE", "MACHINE"), ("x", "")],
    "contains": [("x", '{"all": []}'), ("x", ""), ("x", "[]")],
    "regular_expression": [("a", "")],
    "json_schema": [
        ('{"a": 1}', '{"schema": {"type": "nonsense"}, "expected": {"a": 1}}'),
        ('{"a": 1}', '{"schema": 3, "expected": {"a": 1}}'),
    ],
    "json_fields": [("{}", '{"fields": {}}'), ("{}", '{"fields": ["name"]}')],
    "calendar_date": [("2024-03-01", "2024-13-45")],
    "time_of_day": [("9:05", "99:99")],
    "acronym": [("x", ""), ("x", "42")],
    "word_order": [("a", ""), ("1", "1")],
    "translation": [("x", ""), ("x", "[]")],
    "list_": [("1", "[]")],
    "token_f1": [("x", "the"), ("x", "")],
    "rouge_l": [("x", ""), ("x", "[]")],
    "similarity": [
        ("a", '{"text": "a", "at_least": "b"}'),
        ("a", '{"text": "a", "at_least": 5}'),
        ("a", " "),
    ],
    "sql_result": [("SELECT 1", '{"setup": "nonsense", "query": "SELECT 1"}')],
    "math_equal": [("42", "")],
    "python_tests": [
        ("def f(): pass", '{"tests": []}'),
        ("def f(): pass", '{"tests": "f() is None"}'),
        ("def f(): pass", '{"tests": ["f("]}'),
    ],
}


def rows(cases):
    return [(name, *case) for name, some in cases.items() for case in some]


@pytest.mark.parametrize(("name", "answer", "reference"), rows(RIGHT))
def test_a_right_answer_in_an_odd_dress_scores_one(name, answer, reference):
    assert grader(name)(answer, reference) == 1.0


@pytest.mark.parametrize(("name", "answer", "reference"), rows(WRONG))
def test_a_hedge_a_denial_or_a_look_alike_scores_zero(name, answer, reference):
    assert grader(name)(answer, reference) == 0.0


@pytest.mark.parametrize(("name", "answer", "reference"), rows(NO_JUDGEMENT))
def test_what_cannot_be_judged_has_no_grade(name, answer, reference):
    assert grader(name)(answer, reference) is None


@pytest.mark.parametrize(
    "name", ["choice", "exact_normalised", "contains", "acronym", "exact_case", "numeric"]
)
@pytest.mark.parametrize("loop", ["B or ", "not B ", "1 or ", "( B) ", "B is wrong "])
def test_a_long_hedge_ends(name, loop):
    reference = LETTER if name == "choice" else "1" if name == "numeric" else "b"
    assert grader(name)(loop * (40_000 // len(loop)), reference) in (0.0, 1.0, None)


def test_a_cell_without_a_grade_says_why():
    for grading, reference, answer in (
        ("exact_normalised", "Paris", "Paris or Lyon"),
        ("numeric", "many", "42"),
    ):
        quality, reason = judged(Task("p", "t", reference=reference, grader=grading), answer)
        assert quality is None and reason == f"answer could not be graded by {grading}"
    assert judged(Task("p", "t", reference=" ", grader="exact"), "a") == (None, "the task has no reference")


def test_numbers_are_read_as_people_write_them():
    shown = "3/4 of 1,234.5, twenty-one, 5k, 2 x 10^3 and -7%"
    found = [(match.group(), readings(match.group())) for match in NUMBER.finditer(shown)]
    assert found == [
        ("3/4", (0.75,)),
        ("1,234.5", (1234.5,)),
        ("twenty-one", (21.0,)),
        ("5k", (5.0, 5000.0)),
        ("2 x 10^3", (2000.0,)),
        ("-7%", (-7.0, -0.07)),
    ]


def test_the_fields_of_an_empty_answer_are_all_wrong():
    assert grader("json_fields")("", FIELDS) == 0.0 == grader("python_tests")("", TESTS)
    assert json.loads(FIELDS)["fields"]
