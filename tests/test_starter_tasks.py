import json
from collections import Counter

import pytest

from router_training import graders, starter_tasks
from router_training.contract import UsageError

TASKS = starter_tasks.make_tasks(per_family=30)


def test_there_are_many_families_and_each_has_all_levels():
    names = starter_tasks.available()
    assert len(names) >= 18
    assert {(row.task.task_type, row.level) for row in TASKS} >= {
        (name, level) for name in names for level in starter_tasks.LEVELS
    }


def test_no_two_tasks_share_a_prompt_or_an_id():
    assert max(Counter(row.task.prompt for row in TASKS).values()) == 1
    assert max(Counter(row.task.task_id for row in TASKS).values()) == 1


def test_drawing_again_gives_the_same_tasks_and_another_seed_gives_others():
    assert starter_tasks.make_tasks(per_family=5) == starter_tasks.make_tasks(per_family=5)
    assert starter_tasks.make_tasks(per_family=5) != starter_tasks.make_tasks(per_family=5, seed=1)


def test_any_prefix_is_a_fair_sample_of_the_families():
    families = len(starter_tasks.available())
    counts = Counter(row.task.task_type for row in TASKS[: 6 * families])
    assert len(counts) == families
    assert max(counts.values()) <= 8 and min(counts.values()) >= 4


@pytest.mark.parametrize("name", starter_tasks.available())
def test_each_family_is_worded_in_at_least_five_ways(name):
    module = starter_tasks.family(name)
    tables = [value for key, value in vars(module).items() if key.isupper() and _is_wordings(value)]
    assert tables
    assert all(len(wordings) >= 5 for wordings in tables)


def _is_wordings(value):
    return isinstance(value, tuple) and all(isinstance(text, str) and "{" in text for text in value)


@pytest.mark.parametrize("row", TASKS, ids=lambda row: row.task.task_id)
def test_each_task_can_be_graded_and_its_own_reference_is_right(row):
    grade = graders.load(row.task.grader)
    if row.task.grader == "python_tests":
        assert json.loads(row.task.reference)["tests"]
        return
    assert grade(_solution(row.task), row.task.reference) == 1.0
    assert grade("", row.task.reference) == 0.0


def _solution(task):
    try:
        key = json.loads(task.reference)
    except json.JSONDecodeError:
        return task.reference
    if isinstance(key, dict):
        return key["label"] if "label" in key else json.dumps(key["expected"])
    if task.grader in {"list_", "email_set"}:
        return ", ".join(key)
    return str(key[0] if isinstance(key, list) else key)


def test_an_unknown_family_is_refused():
    with pytest.raises(UsageError, match=r"unknown task family 'poetry'; choose one of arithmetic_chain"):
        starter_tasks.load("poetry")
