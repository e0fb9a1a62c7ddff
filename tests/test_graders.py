import importlib.util
import json
import os
import random
import re
import select
import socket
import sys

import pytest

from router_training import graders
from router_training.contract import Task, UsageError
from router_training.graders import python_tests
from router_training.labels.grading import judged


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

FIELDS = '{"fields": {"name": "Ann", "age": 30}}'
PEOPLE = (
    "CREATE TABLE people (name TEXT, age INT); INSERT INTO people VALUES ('Ann', 30), ('Bo', 41), ('Cy', 35)"
)
SQL = json.dumps({"setup": PEOPLE, "query": "SELECT name FROM people WHERE age > 30"})
SQL_ORDERED = json.dumps(
    {"setup": PEOPLE, "query": "SELECT name FROM people ORDER BY age DESC", "ordered": True}
)
LEGS = json.dumps(
    {
        "dataset": "leg_counting",
        "entry": {
            "question": "How many legs?",
            "answer": "292",
            "metadata": {"source_dataset": "leg_counting"},
        },
    }
)
EXTRAS = {"sql_result": "duckdb", "math_equal": "math_verify", "reasoning_gym": "reasoning_gym"}


def grader(name):
    """Return a grader, or skip where its extra is not installed."""
    if name in EXTRAS and importlib.util.find_spec(EXTRAS[name]) is None:
        pytest.skip(f"the grader {name} needs {EXTRAS[name]}")
    return graders.load(name)


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
        ("It is about 3.14.", '{"value": 3.14159, "abs": 0.01}'),
        ("It is 1010.", '{"value": 1000, "rel": 0.01}'),
    ],
    "exact": [("Paris", "Paris"), (" Paris\n", "Paris"), ("b", '["a", "b"]'), ("[1]", "[1]")],
    "contains": [
        ("The capital is **Paris**.", "Paris"),
        ("It is Paris, not Lyon.", "paris"),
        ("Paris or Lyon", '["Rome", "Lyon"]'),
        ("Rome and Paris", '{"all": ["Rome", "Paris"], "none": ["Lyon"]}'),
    ],
    "regular_expression": [
        ("Ticket ABC-123 is open.", r"\b[A-Z]{3}-\d{3}\b"),
        ("Some thought about 7.\nAnswer: 42", r"^42$"),
    ],
    "json_fields": [
        ('{"name": "Ann", "age": 30, "more": 1}', FIELDS),
        ('Here: ```json\n{"name": "ann", "age": "30.0"}\n```', FIELDS),
        (
            '{"items": [{"sku": "A1"}], "gone": null}',
            '{"fields": {"items.0.sku": "a1", "gone": null, "no": null}}',
        ),
    ],
    "token_f1": [("The Eiffel Tower", "eiffel tower"), ("Answer: Lyon", '["Paris", "Lyon"]')],
    "rouge_l": [("The cat sat.", "cat sat"), ("b", '["a b c", "b"]')],
    "sql_result": [
        ("SELECT name FROM people WHERE age > 30", SQL),
        ("```sql\nselect p.name as who from people p where not p.age <= 30;\n```", SQL),
        ("Use this query: SELECT name FROM people WHERE age >= 31;\nIt filters by age.", SQL),
        ("SELECT name FROM people ORDER BY age DESC", SQL_ORDERED),
        ("WITH old AS (SELECT * FROM people WHERE age > 30) SELECT name FROM old", SQL),
    ],
    "math_equal": [
        (r"The answer is $\frac{1}{2}$.", "0.5"),
        (r"\boxed{2x+1}", "1+2x"),
        (r"So we get $\sqrt{8}$", r"2\sqrt{2}"),
        ("The answer is 42, not 41.", "42"),
        ("x = 3", "3"),
        ("$x=3$ or $x=4$", r"\{3,4\}"),
    ],
    "similarity": [
        ("The weather is lovely today.", '{"text": "It is such a beautiful day outside.", "at_least": 0.5}')
    ],
    "reasoning_gym": [("292", LEGS), ("There are many.\nAnswer: 292.", LEGS)],
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
    "exact": [("paris", "Paris"), ("It is Paris", "Paris"), ("", "Paris")],
    "contains": [
        ("It is not Paris.", "Paris"),
        ("The Parisian way", "Paris"),
        ("Rome, not Lyon", '{"all": ["Rome"], "none": ["Lyon"]}'),
        ("Rome", '{"all": ["Rome", "Paris"]}'),
        ("", "Paris"),
    ],
    "regular_expression": [("Ticket abc-123", r"\b[A-Z]{3}-\d{3}\b"), ("Answer: 421", r"^42$"), ("", "a")],
    "json_fields": [
        ('{"name": "Bob", "age": 31}', FIELDS),
        ("name: Ann, age: 30", FIELDS),
        ('{"ok": 1}', '{"fields": {"ok": true}}'),
        ('{"ok": "true"}', '{"fields": {"ok": true}}'),
        ("", FIELDS),
    ],
    "token_f1": [("Lyon", "Paris"), ("", "Paris"), ("the a an", "Paris")],
    "rouge_l": [("dog ran", "cat sat"), ("", "cat")],
    "sql_result": [
        ("SELECT name FROM people", SQL),
        ("SELECT age FROM people WHERE age > 30", SQL),
        ("SELECT name FROM people ORDER BY age", SQL_ORDERED),
        ("SELECT nam FROM people", SQL),
        ("I cannot write SQL.", SQL),
        ("SELECT content FROM read_text('/etc/passwd')", SQL),
        ("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t", SQL),
        ("", SQL),
    ],
    "math_equal": [
        ("The answer is not 42.", "42"),
        ("It isn't $42$.", "42"),
        ("It is 43.", "42"),
        ("42.5", "42"),
        ("9^9^9^9^9", "42"),
        ("(1, 2)", "[1, 2]"),
        ("", "42"),
    ],
    "similarity": [
        ("My car needs new tyres.", '{"text": "It is such a beautiful day outside.", "at_least": 0.5}'),
        ("", "a"),
    ],
    "reasoning_gym": [("291", LEGS), ("", LEGS)],
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
    assert grader(name)(answer, reference) == 1.0


@pytest.mark.parametrize(("name", "answer", "reference"), NO_CASES)
def test_what_a_person_would_refuse_scores_zero(name, answer, reference):
    assert grader(name)(answer, reference) == 0.0


@pytest.mark.parametrize(
    "name",
    [
        "sql_result",
        "json_fields",
        "reasoning_gym",
        "numeric",
        "choice",
        "list_",
        "json_schema",
        "calendar_date",
        "time_of_day",
    ],
)
def test_a_reference_that_cannot_be_read_is_no_judgement(name):
    assert grader(name)("12", "not a reference of this kind") is None


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


@pytest.mark.parametrize(
    ("name", "answer", "reference", "quality"),
    [
        ("json_fields", '{"name": "Ann", "age": 31}', FIELDS, 0.5),
        ("token_f1", "a tall tower in Paris", "tower of Paris", 4 / 7),
        ("rouge_l", "police killed the gunman", "police kill the gunman", 2 / 3),
        ("rouge_l", "gunman kill police", "police kill gunman", 1 / 3),
    ],
)
def test_measures_of_degree_say_how_much_is_right(name, answer, reference, quality):
    assert graders.load(name)(answer, reference) == pytest.approx(quality)


def test_rouge_l_is_what_its_definition_says_on_random_words():
    rng = random.Random(0)

    def longest(one, other):
        if not one or not other:
            return 0
        if one[0] == other[0]:
            return 1 + longest(one[1:], other[1:])
        return max(longest(one[1:], other), longest(one, other[1:]))

    for _ in range(50):
        one, other = ([rng.choice("bcd") for _ in range(rng.randrange(1, 7))] for _ in range(2))
        found = graders.load("rouge_l")(" ".join(one), " ".join(other))
        assert found == pytest.approx(2 * longest(one, other) / (len(one) + len(other)))


def test_a_pattern_that_is_none_judges_nothing_and_one_that_backtracks_ends():
    assert graders.load("regular_expression")("a", "(") is None
    assert graders.load("regular_expression")("a" * 200 + "!", r"^(\w+\s?)*$") == 0.0


ATTACKS = {
    "prints without end": "while True:\n        print('x' * 10**6)",
    "writes to its standard output without end": "import os\n    while True:\n        os.write(1, b'x' * 10**6)",
    "holds all memory": "x = []\n    while True:\n        x.append(bytearray(10**7))",
    "never ends": "while True:\n        pass",
    "recurses": "return add(a, b)",
    "ends its parent": "import os, signal\n    os.kill(os.getppid(), signal.SIGKILL)\n    return 0",
    "ends its group": "import os, signal\n    os.killpg(0, signal.SIGKILL)\n    return 0",
    "removes files": f"import os\n    os.remove({__file__!r} + '.not-there')",
    "reaches the network by the back door": "import _socket\n    _socket.socket().connect(('127.0.0.1', PORT))",
}


@pytest.mark.skipif(sys.platform == "win32", reason="code is not run there")
@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(name, marks=pytest.mark.slow if "standard output" in name else ())  # a minute
        for name in ATTACKS
    ],
)
def test_code_that_attacks_scores_zero_and_harms_nothing(attack):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.01)
        body = ATTACKS[attack].replace("PORT", str(server.getsockname()[1]))
        if "_socket" in body and not python_tests._prefix():
            pytest.skip("without namespaces only Python's own sockets are refused, as the grader says")
        answer = f"def add(a, b):\n    {body}\n    return a + b\n"
        assert graders.load("python_tests")(answer, TESTS) == 0.0
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.skipif(sys.platform == "win32", reason="no processes are forked there")
def test_what_leaves_its_session_ends_too(tmp_path):
    if not python_tests._prefix():
        pytest.skip("without namespaces a process may leave its session")
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    body = (
        f"import os, time\n    out = open({str(tmp_path / 'fifo')!r}, 'w')\n    if not os.fork():\n"
        "        os.setsid()\n        time.sleep(600)\n"
    )
    graders.load("python_tests")(f"def add(a, b):\n    {body}    return a + b\n", TESTS)
    ended = select.select([reader], [], [], 10)[0]
    assert ended and os.read(reader, 1) == b""
    os.close(reader)


def test_every_grader_says_what_it_cannot_judge():
    for name, said in graders.limits().items():
        assert re.fullmatch(r"It cannot judge .{20,}[.]", said), name


def test_a_function_of_ones_own_grades(tmp_path):
    (tmp_path / "mine.py").write_text(
        "def good(answer, reference):\n    return len(answer) / len(reference)\n\n"
        "def bad(answer, reference):\n    return 7\n\ndef breaks(answer, reference):\n    return {}['a']\n"
    )
    assert graders.load(f"{tmp_path}/mine.py:good")("ab", "abcd") == 0.5
    with pytest.raises(UsageError, match=r"returned 7; it must return a number in \[0, 1\], or None"):
        graders.load(f"{tmp_path}/mine.py:bad")("a", "b")
    with pytest.raises(UsageError, match="raised KeyError"):
        graders.load(f"{tmp_path}/mine.py:breaks")("a", "b")


@pytest.mark.parametrize("name", ["no_such_module:f", "json:no_such_function", "none.py:f"])
def test_a_function_that_is_not_there_is_refused_with_a_sentence(name):
    with pytest.raises(UsageError, match=r"cannot be imported|has no function"):
        graders.load(name)


def test_a_task_file_cannot_make_us_run_a_function_of_its_choice():
    task = Task("p", "t", reference="r", grader="os:system")
    assert judged(task, "true") == (None, "grader os:system runs code, which --allow-code allows")
