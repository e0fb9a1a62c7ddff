import json
import os
import select
import sys

import pytest

from router_training import graders
from router_training.contract import UsageError


def choice(label, *labels, **more):
    return json.dumps({"label": label, "labels": list(labels), **more})


SENTIMENT = choice("positive", "positive", "negative", "neutral")
YES = choice("yes", "yes", "no")
LETTER = choice("B", *"ABCD", meanings=["a silk thread", "honey", "wool", "milk"])
PERSON = json.dumps(
    {
        "schema": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "age": {"type": "integer"},
                "likes": {"type": "array"},
            },
            "required": ["name", "age", "likes"],
        },
        "expected": {"name": "Ann", "age": 30, "likes": ["tea", "pens"]},
    }
)

ACCEPTED = {
    "numeric": [
        ("12", "12"),
        ("There are 12 pens.", "12"),
        ("**12**", "12"),
        ("12 pens", "12"),
        ("12.0", "12"),
        ("twelve", "12"),
        ("There are twelve pens left.", "12"),
        ("$1,654.01", "1654.01"),
        ("1 250 metres", "1250"),
        ("3 boxes of 4 pens = 12 pens", "12"),
        ("2 feet is equal to 24 inches.", "24"),
        ("24 inches", "24"),
        ("The answer is not 42, it is 12.", "12"),
        ("First 5 + 5 = 10, then 10 + 2 = 12.\nAnswer: 12", "12"),
        ("1. 6 x 2 = 12\n2. nothing more\nAnswer: **12**", "12"),
        ("Answer: $79 in 3 weeks", "79"),
        (r"\[ 3 \times 4 = \boxed{12} \]", "12"),
        ("-7", "-7"),
        ("−7", "-7"),
        ("```\n12\n```", "12"),
        ("65, 58, 51, 44, 37, 30", "30"),
    ],
    "exact_normalised": [
        ("Paris", "Paris"),
        ("paris.", "Paris"),
        ("The Eiffel Tower is located in Paris, France.", '["Paris"]'),
        ("It was Alexander Fleming.", '["Fleming", "Alexander Fleming"]'),
        ("The fourth letter of pepper is 'p'.", "p"),
        ("P", "p"),
        ("Answer: erutan", "erutan"),
        ("It is Canberra, not Sydney.", "Canberra"),
    ],
    "exact_case": [
        ("MACHINE", "MACHINE"),
        ("In capitals: **MACHINE**.", "MACHINE"),
        ("a_b_c", "a_b_c"),
        ("`a-b-c`", "a-b-c"),
        ("a + b + c", "a+b+c"),
    ],
    "choice": [
        ("**Positive**", SENTIMENT),
        ("The sentiment is positive, not negative.", SENTIMENT),
        ("Positive\n\nThe writer loves it, nothing negative here.", SENTIMENT),
        ("Label: positive", SENTIMENT),
        ("Yes, because no member is barred.", YES),
        ("yes", YES),
        ("B", LETTER),
        ("B) honey", LETTER),
        ("(B)", LETTER),
        ("The answer is B.", LETTER),
        ("A) a silk thread\nB) honey\nC) wool\nD) milk\nAnswer: B", LETTER),
        ("Honey", LETTER),
        ("The largest value among 4/7 and 1/7 is 4/7.", choice("4/7", "4/7", "1/7")),
        ("4/7 = 0.571\n1/7 = 0.143\nAnswer: 0.571", choice("4/7", "4/7", "1/7")),
        ("She goes to school every day.", choice("goes", "goes", "go")),
        ("Tom is the tallest, as Tom is taller than Ann.", choice("Tom", "Tom", "Ann")),
        ("-12", choice("-12", "-97", "-12")),
    ],
    "list_": [
        ("1, 3, 9", '["1", "3", "9"]'),
        ("1\n3\n9", '["1", "3", "9"]'),
        ("1. 1\n2. 3\n3. 9", '["1", "3", "9"]'),
        ("[1, 3, 9]", '["1", "3", "9"]'),
        ("1 < 3 < 9", '["1", "3", "9"]'),
        ("The sorted words are: ant, bee and cow.", '["ant", "bee", "cow"]'),
        ("1. **ant**\n2. **bee**\n3. **cow**", '["ant", "bee", "cow"]'),
        ("cow, ant, bee sorted gives ant, bee, cow", '["ant", "bee", "cow"]'),
        ("-3, 0.5, 2.50", '["-3", "0.5", "2.5"]'),
    ],
    "email_set": [
        ("ann@x.org", '["ann@x.org"]'),
        ("The addresses are Ann@x.org and bo+news@y.co.uk.", '["bo+news@y.co.uk", "ann@x.org"]'),
        ("<ann@x.org>", '["ann@x.org"]'),
        ("`ann@x.org`", '["ann@x.org"]'),
    ],
    "calendar_date": [
        ("2024-03-01", "2024-03-01"),
        ("The due date is **2024-03-01**.", "2024-03-01"),
        ("5 days after 2024-02-25 is 2024-03-01", "2024-03-01"),
    ],
    "time_of_day": [
        ("09:05", "09:05"),
        ("9:05", "09:05"),
        ("08:35 + 30 minutes = 09:05", "09:05"),
        ("It ends at 09:05.", "09:05"),
    ],
    "acronym": [
        ("BOT", "bot"),
        ("b.o.t.", "bot"),
        ("B O T", "bot"),
        ("The acronym is BOT.", "bot"),
    ],
    "word_order": [
        ("cow bee ant", "cow bee ant"),
        ("Cow, bee, ant.", "cow bee ant"),
        ('The reverse is "cow bee ant".', "cow bee ant"),
    ],
    "translation": [
        ("buenos días", '["buenos días"]'),
        ("Buenos dias!", '["buenos días"]'),
        ("In Spanish this is **buenos días**.", '["buenos días"]'),
        ("Deux billets s'il vous plaît.", '["deux billets, s\'il vous plaît"]'),
    ],
    "json_schema": [
        ('{"name": "Ann", "age": 30, "likes": ["tea", "pens"]}', PERSON),
        (
            'Here you are:\n```json\n{"name": "ann", "age": 30, "likes": ["pen", "tea"]}\n```\nAnything else?',
            PERSON,
        ),
        ('Answer: {"age": 30, "likes": ["tea", "pens"], "name": "Ann"}', PERSON),
    ],
}

REFUSED = {
    "numeric": [
        ("The answer is not 12.", "12"),
        ("13", "12"),
        ("1.2", "12"),
        ("112", "12"),
        ("12 + 1 = 13", "12"),
        ("", "12"),
        ("twelve hundred is 1200", "12"),
        ("I do not know.", "0"),
    ],
    "exact_normalised": [
        ("Sydney", "Canberra"),
        ("It is Sydney, not Canberra.", "Canberra"),
        ("Parisian", "Paris"),
        ("The letter is d.", "p"),
        ("The letter p is in pepper, but the third is e.", "p"),
        ("", "Paris"),
    ],
    "exact_case": [("Machine", "MACHINE"), ("a b c", "a-b-c"), ("", "MACHINE")],
    "choice": [
        ("Negative", SENTIMENT),
        ("It is not positive.", SENTIMENT),
        ("Options: positive, negative or neutral", SENTIMENT),
        ("", SENTIMENT),
        ("No, although yes was likely.", YES),
        ("A", LETTER),
        ("A thread of silk", LETTER),
        ("The smallest value of 4.8 or 4.6 is 4.0.", choice("4.6", "4.8", "4.6")),
        ("12", choice("-12", "-97", "-12")),
        ("13 or 79", choice("79", "13", "79")),
    ],
    "list_": [
        ("1, 9, 3", '["1", "3", "9"]'),
        ("1, 3", '["1", "3", "9"]'),
        ("1, 3, 9, 9", '["1", "3", "9"]'),
        ("ant, bee", '["ant", "bee", "cow"]'),
        ("", '["ant"]'),
        ("ant, dog, bee, cow", '["ant", "bee", "cow"]'),
    ],
    "email_set": [
        ("ann@x.org, bo@y.org", '["ann@x.org"]'),
        ("ann@x.or", '["ann@x.org"]'),
        ("", '["ann@x.org"]'),
    ],
    "calendar_date": [("2024-03-02", "2024-03-01"), ("1 March 2024", "2024-03-01"), ("", "2024-03-01")],
    "time_of_day": [("09:06", "09:05"), ("9:05 PM", "09:05"), ("", "09:05")],
    "acronym": [("BTO", "bot"), ("The bot is here", "bot"), ("", "bot")],
    "word_order": [("ant bee cow", "cow bee ant"), ("", "cow bee ant")],
    "translation": [("buenas noches", '["buenos días"]'), ("", '["buenos días"]')],
    "json_schema": [
        ('{"name": "Ann", "age": "30", "likes": ["tea", "pens"]}', PERSON),
        ('{"name": "Ann", "age": 31, "likes": ["tea", "pens"]}', PERSON),
        ('{"name": "Ann", "age": 30, "likes": ["tea"]}', PERSON),
        ('{"name": "Ann", "age": 30, "likes": ["tea", "pens"], "more": 1}', PERSON),
        ("name: Ann, age: 30", PERSON),
        ("{", PERSON),
        ("", PERSON),
    ],
}
CASES = [(name, *case) for name, cases in ACCEPTED.items() for case in cases]
NO_CASES = [(name, *case) for name, cases in REFUSED.items() for case in cases]


@pytest.mark.parametrize(("name", "answer", "reference"), CASES)
def test_what_a_person_would_accept_scores_one(name, answer, reference):
    assert graders.load(name)(answer, reference) == 1.0


@pytest.mark.parametrize(("name", "answer", "reference"), NO_CASES)
def test_what_a_person_would_refuse_scores_zero(name, answer, reference):
    assert graders.load(name)(answer, reference) == 0.0


@pytest.mark.parametrize(
    "name", ["numeric", "choice", "list_", "json_schema", "calendar_date", "time_of_day"]
)
def test_a_reference_that_cannot_be_read_is_no_judgement(name):
    assert graders.load(name)("12", "not a reference of this kind") is None


TESTS = json.dumps({"tests": ["add(2, 3) == 5", "add(-1, 1) == 0"]})
CODE = "def add(a, b):\n    return a + b"


@pytest.mark.parametrize(
    "answer",
    [
        CODE,
        f"```python\n{CODE}\n```",
        f"Sure!\n```python\n{CODE}\n```\nIt adds. Example:\n```python\nprint(add(1, 2))\n```",
        f"Answer:\n{CODE}",
        f"Here it is:\n{CODE}\nThis adds two numbers.",
        "add = lambda a, b: a + b",
        f"{CODE}\nprint(add(1, 1))",
    ],
)
def test_code_that_passes_scores_one_however_it_is_wrapped(answer):
    assert graders.load("python_tests")(answer, TESTS) == 1.0


@pytest.mark.parametrize(
    "body",
    [
        "return a - b",
        "return a +",
        "import socket; socket.socket(); return a + b",
        "return bytearray(1 << 34)",
        "import os; os._exit(0)",
        "raise SystemExit(0)",
    ],
)
def test_code_that_fails_or_reaches_out_scores_zero(body):
    assert graders.load("python_tests")(f"def add(a, b):\n    {body}\n", TESTS) == 0.0


def test_code_writes_no_files(tmp_path):
    path = tmp_path / "written"
    body = f"with open({str(path)!r}, 'w') as file:\n        file.write('x')\n    return a + b"
    assert graders.load("python_tests")(f"def add(a, b):\n    {body}\n", TESTS) == 0.0
    assert not path.exists() or path.read_text() == ""


@pytest.mark.parametrize(
    ("name", "loop", "reference"),
    [
        ("numeric", "1 a ", "3"),
        ("numeric", ". ", "3"),
        ("calendar_date", "2020-01-01 ", "2021-01-01"),
        ("time_of_day", "10:00 ", "11:00"),
        ("exact_normalised", "or b ", "a"),
        ("email_set", "a", '["a@b.org"]'),
        ("python_tests", "def f(:\n", TESTS),
    ],
)
def test_an_answer_that_loops_for_40_kb_is_graded_like_any_other(name, loop, reference):
    """Without bounds on what is looked at, most of these would take minutes."""
    assert graders.load(name)(loop * (40_000 // len(loop)), reference) == 0.0


def test_a_number_too_long_for_python_is_a_wrong_answer():
    assert graders.load("json_schema")('{"age": ' + "1" * 5000 + "}", PERSON) == 0.0


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may start what it likes")
def test_code_starts_no_processes():
    body = "import os\n    os.fork()\n    return a + b"
    assert graders.load("python_tests")(f"def add(a, b):\n    {body}\n", TESTS) == 0.0


@pytest.mark.skipif(sys.platform == "win32", reason="no processes are forked there")
def test_what_code_leaves_running_ends_with_it(tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    body = f"import os, time\n    out = open({str(path)!r}, 'w')\n    if not os.fork():\n        time.sleep(600)\n"
    graders.load("python_tests")(f"def add(a, b):\n    {body}    return a + b\n", TESTS)
    ended = select.select([reader], [], [], 10)[0]
    assert ended and os.read(reader, 1) == b"", "all that held the other end are gone"
    os.close(reader)


def test_an_answer_without_code_scores_zero():
    assert graders.load("python_tests")("I cannot do that.", TESTS) == 0.0


def test_every_grader_file_is_found_and_an_unknown_name_is_refused():
    assert set(graders.available()) == {*ACCEPTED, "python_tests"}
    with pytest.raises(UsageError, match=r"unknown grader 'guess'; choose one of acronym"):
        graders.load("guess")
