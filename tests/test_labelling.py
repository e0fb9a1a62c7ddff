import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from router_training import labelling, starter_tasks
from router_training.cli import app
from router_training.contract import DataError, ModelCard, Outcome, Task
from router_training.datasheet import datasheet
from router_training.labels.asking import Plan
from router_training.labels.calls import messages
from router_training.labels.grading import Grading, as_if_alone
from router_training.outcomes import load_outcomes
from tests.counting_server import counting_server

TASKS = [Task(f"What is {n} + 1?", f"sum-{n}", "sum", str(n + 1), "numeric") for n in range(4)]
CODE = Task("Write f(x) that returns x.", "code-0", "code", '{"tests": ["f(2) == 2"]}', "python_tests")


@pytest.fixture
def server():
    with counting_server() as running:
        yield running


@pytest.fixture
def cards(server):
    return {name: ModelCard(name, 1.0, 2.0, base_url=server.url, max_tokens=9) for name in ("right", "wrong")}


def test_every_cell_is_asked_graded_and_priced(tmp_path, cards):
    labelling.label(TASKS, cards, tmp_path, grading=Grading(source="here"))
    table = load_outcomes(tmp_path / "outcomes.parquet")
    assert table.models == ("right", "wrong")
    assert table.quality.tolist() == [[1.0, 0.0]] * 4
    assert (table.frame["cost_usd"] == (100 * 1.0 + 10 * 2.0) / 1e6).all()
    assert set(table.frame["source"]) == {"here"}
    assert labelling.read_tasks(tmp_path / "tasks.jsonl") == TASKS


def test_a_second_run_asks_nothing_and_a_cut_run_asks_the_rest(tmp_path, cards, server):
    labelling.label(TASKS[:2], cards, tmp_path)
    assert len(server.asked) == 4
    with (tmp_path / "journal.jsonl").open("a") as journal:
        journal.write('{"task_id": "sum-2", "mod')
    labelling.label(TASKS, cards, tmp_path)
    assert len(server.asked) == 8
    labelling.label(TASKS, cards, tmp_path)
    assert len(server.asked) == 8


def test_line_ends_of_other_alphabets_stay_inside_prompts_and_answers(tmp_path, cards):
    prompt = "one\u2028two\x85three"
    labelling.write_tasks([Task(prompt, "a")], tmp_path / "tasks.jsonl")
    assert [task.prompt for task in labelling.read_tasks(tmp_path / "tasks.jsonl")] == [prompt]
    row = {"task_id": "a", "model": "right", "prompt": prompt, "response": prompt}
    (tmp_path / "journal.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    done = labelling.label([Task(prompt, "a")], {"right": cards["right"]}, tmp_path, ask_models=False)
    assert [outcome.response for outcome in done.outcomes()] == [prompt]


def test_a_refusal_is_missing_and_is_asked_again_only_when_that_is_wanted(tmp_path, cards, server):
    broken = {"broken": replace(cards["right"], name="broken")}
    (outcome,) = labelling.label(TASKS[:1], broken, tmp_path).outcomes()
    assert outcome.quality is None
    assert "no such model here" in outcome.error
    labelling.label(TASKS[:1], broken, tmp_path)
    assert len(server.asked) == 1
    fixed = {"broken": replace(broken["broken"], model="right")}
    (outcome,) = labelling.label(TASKS[:1], fixed, tmp_path, plan=Plan(retry_errors=True)).outcomes()
    assert (len(server.asked), outcome.quality) == (2, 1.0)


def test_a_reply_without_an_answer_is_missing(tmp_path, cards):
    silent = {"silent": replace(cards["right"], name="silent")}
    (outcome,) = labelling.label(TASKS[:1], silent, tmp_path).outcomes()
    assert outcome.quality is None and "without an answer" in outcome.error


def test_code_is_run_only_when_allowed(tmp_path, cards):
    card = {"right": cards["right"]}
    (outcome,) = labelling.label([CODE], card, tmp_path).outcomes()
    assert (outcome.quality, outcome.error) == (
        None,
        "grader python_tests runs code, which --allow-code allows",
    )
    allowed = Grading(allow_code=True)
    (outcome,) = labelling.label([CODE], card, tmp_path, grading=allowed, ask_models=False).outcomes()
    assert outcome.quality == 1.0


def test_grades_change_with_the_reference_without_asking_again(tmp_path, cards, server):
    labelling.label(TASKS, cards, tmp_path)
    changed = [replace(task, reference="0") for task in TASKS]
    outcomes = labelling.label(changed, cards, tmp_path, ask_models=False).outcomes()
    assert [row.quality for row in outcomes if row.model == "wrong"] == [1.0] * 4
    assert len(server.asked) == 8


def test_changed_prompts_do_not_mix_with_old_answers(tmp_path, cards):
    labelling.label(TASKS, cards, tmp_path)
    with pytest.raises(
        DataError, match="'sum-0' was asked with another prompt; label changed tasks into a new"
    ):
        labelling.label([replace(TASKS[0], prompt="What is 9 + 1?")], cards, tmp_path)


def test_a_system_prompt_and_limits_are_sent():
    card = ModelCard("m", 0, 0, system_prompt="Be brief.")
    assert messages(card, Task("Hi")) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
    ]


def test_a_bad_task_file_is_refused_with_its_line(tmp_path):
    path = tmp_path / "tasks.jsonl"
    path.write_text('{"prompt": "a"}\n{"task_id": "x"}\n')
    with pytest.raises(DataError, match=r"tasks.jsonl, line 2: no task \(no prompt"):
        labelling.read_tasks(path)
    (empty := tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no file that ends in"):
        labelling.read_tasks(empty)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"task_id": "b", "prompt": 5}', "the prompt is '5', no text"),
        ('{"task_id": "b", "prompt": " "}', "the prompt is blank"),
        ('{"task_id": "a", "prompt": "q"}', "task 'a' already stands in .*line 1"),
        ("7", "no task"),
    ],
)
def test_tasks_that_could_not_be_told_apart_or_asked_are_refused(tmp_path, line, reason):
    path = tmp_path / "tasks.jsonl"
    path.write_text('{"task_id": "a", "prompt": "p"}\n' + line + "\n")
    with pytest.raises(DataError, match=f"line 2.*{reason}"):
        labelling.read_tasks(path)


def test_the_command_labels_tasks_and_prints_the_tables(tmp_path, cards):
    models = tmp_path / "models.toml"
    url = cards["right"].base_url
    models.write_text(f'[models.right]\nusd_per_mtok_in = 1\nusd_per_mtok_out = 2\nbase_url = "{url}"\n')
    labelling.write_tasks(TASKS, tmp_path / "mine.jsonl")
    out = tmp_path / "out"
    done = CliRunner().invoke(
        app,
        [
            "label",
            str(tmp_path / "mine.jsonl"),
            "--models",
            str(models),
            "--out",
            str(out),
            "--limit",
            "3",
        ],
    )
    assert done.exit_code == 0, done.output
    assert "3 outcomes, 3 graded" in done.output
    assert len(pd.read_parquet(out / "outcomes.parquet")) == 3
    assert "| right | 1.000 |" in datasheet(out)
    assert "| sum | numeric | 3 | 1.00 |" in CliRunner().invoke(app, ["datasheet", str(out)]).output


def test_a_gguf_for_no_card_is_refused(tmp_path):
    models = tmp_path / "models.toml"
    models.write_text("[models.right]\nusd_per_mtok_in = 1\nusd_per_mtok_out = 2\n")
    done = CliRunner().invoke(
        app, ["label", "--models", str(models), "--out", str(tmp_path), "--gguf", "other=model.gguf"]
    )
    assert "write MODEL=PATH" in str(done.exception)


def test_tables_without_outcomes_are_refused(tmp_path):
    with pytest.raises(DataError, match="label the tasks first"):
        datasheet(tmp_path)


def test_a_model_without_a_grade_has_an_empty_column(tmp_path, cards):
    broken = replace(cards["right"], name="broken")
    labelling.label(TASKS, {"right": cards["right"], "broken": broken}, tmp_path)
    assert "| sum | numeric | 4 | 1.00 |  |" in datasheet(tmp_path)


def test_the_starter_datasheet_states_the_figures_of_its_data():
    folder = Path(__file__).parents[1] / "datasets" / "starter"
    assert datasheet(folder) in (folder / "README.md").read_text()


def test_the_starter_tasks_are_the_ones_that_are_drawn():
    shipped = labelling.read_tasks(Path(__file__).parents[1] / "datasets" / "starter" / "tasks.jsonl")
    assert [row.task for row in starter_tasks.make_tasks()[: len(shipped)]] == shipped


def test_seconds_of_a_call_alone_are_what_its_price_buys():
    outcome = Outcome("t", "2 + 2?", "small", 1.0, cost_usd=0.085 / 3600, latency_s=40.0)
    assert as_if_alone(outcome, 0.085).latency_s == 1.0
    assert as_if_alone(replace(outcome, cost_usd=None), 0.085).latency_s is None
