import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from router_training import labelling, starter_tasks
from router_training.cli import app
from router_training.contract import DataError, ModelCard, Outcome, Task
from router_training.datasheet import datasheet
from router_training.outcomes import load_outcomes

TASKS = [Task(f"What is {n} + 1?", f"sum-{n}", "sum", str(n + 1), "numeric") for n in range(4)]
CODE = Task("Write f(x) that returns x.", "code-0", "code", '{"tests": ["f(2) == 2"]}', "python_tests")


class _Server(BaseHTTPRequestHandler):
    """Adds one: model "right" says so, model "wrong" says zero, model "broken" refuses."""

    asked: list[tuple[str, str]]

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"]
        self.server.asked.append((body["model"], prompt))
        if body["model"] == "silent":
            return self._send(200, {"id": "1", "object": "chat.completion", "choices": None})
        if body["model"] == "broken":
            return self._send(400, {"error": {"message": "no such model here"}})
        number = int(prompt.split()[2]) + 1 if prompt.startswith("What") else "def f(x):\n    return x"
        text = (
            f"The answer is {number}."
            if body["model"] == "right" and isinstance(number, int)
            else str(number)
        )
        text = "0" if body["model"] == "wrong" else text
        usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return self._send(
            200,
            {
                "id": "1",
                "object": "chat.completion",
                "created": 0,
                "model": "m",
                "choices": [choice],
                "usage": usage,
            },
        )

    def _send(self, status, reply):
        data = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as running:
        running.asked = []
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def cards(server):
    url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    return {name: ModelCard(name, 1.0, 2.0, base_url=url, max_tokens=9) for name in ("right", "wrong")}


def test_every_cell_is_asked_graded_and_priced(tmp_path, cards):
    labelling.label(TASKS, cards, tmp_path, source="here")
    table = load_outcomes(tmp_path / "outcomes.parquet")
    assert table.models == ("right", "wrong")
    assert table.quality.tolist() == [[1.0, 0.0]] * 4
    assert (table.frame["cost_usd"] == (100 * 1.0 + 10 * 2.0) / 1e6).all()
    assert set(table.frame["source"]) == {"here"}
    assert labelling.read_tasks(tmp_path / "tasks.jsonl") == TASKS


def test_a_second_run_asks_nothing_and_a_cut_run_asks_the_rest(tmp_path, cards, server):
    labelling.label(TASKS, cards, tmp_path, limit=2)
    assert len(server.asked) == 4
    with (tmp_path / "journal.jsonl").open("a") as journal:
        journal.write('{"task_id": "sum-2", "mod')
    labelling.label(TASKS, cards, tmp_path)
    assert len(server.asked) == 8
    labelling.label(TASKS, cards, tmp_path)
    assert len(server.asked) == 8


def test_line_ends_of_other_alphabets_stay_inside_prompts_and_answers(tmp_path):
    prompt = "one\u2028two\x85three"
    labelling.write_tasks([Task(prompt, "a")], tmp_path / "tasks.jsonl")
    assert [task.prompt for task in labelling.read_tasks(tmp_path / "tasks.jsonl")] == [prompt]
    row = {"task_id": "a", "model": "m", "prompt": prompt, "response": prompt}
    (tmp_path / "journal.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    assert labelling.read_journal(tmp_path / "journal.jsonl") == {("a", "m"): row}


def test_a_refusal_is_missing_and_is_asked_again(tmp_path, cards, server):
    broken = {"broken": replace(cards["right"], name="broken")}
    (outcome,) = labelling.label(TASKS[:1], broken, tmp_path)
    assert outcome.quality is None
    assert "no such model here" in outcome.error
    labelling.label(TASKS[:1], broken, tmp_path)
    assert len(server.asked) == 2


def test_a_reply_without_an_answer_is_missing(tmp_path, cards):
    silent = {"silent": replace(cards["right"], name="silent")}
    (outcome,) = labelling.label(TASKS[:1], silent, tmp_path)
    assert outcome.quality is None and "without an answer" in outcome.error


def test_code_is_run_only_when_allowed(tmp_path, cards):
    card = {"right": cards["right"]}
    (outcome,) = labelling.label([CODE], card, tmp_path)
    assert (outcome.quality, outcome.error) == (None, "answer could not be graded")
    (outcome,) = labelling.label([CODE], card, tmp_path, allow_code=True, ask_models=False)
    assert outcome.quality == 1.0


def test_grades_change_with_the_reference_without_asking_again(tmp_path, cards, server):
    labelling.label(TASKS, cards, tmp_path)
    changed = [replace(task, reference="0") for task in TASKS]
    outcomes = labelling.label(changed, cards, tmp_path, ask_models=False)
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
    assert labelling.messages(card, "Hi") == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
    ]


def test_a_bad_task_file_is_refused_with_its_line(tmp_path):
    path = tmp_path / "tasks.jsonl"
    path.write_text('{"prompt": "a"}\n{"task_id": "x"}\n')
    with pytest.raises(DataError, match=r"tasks.jsonl, line 2: no task"):
        labelling.read_tasks(path)
    with pytest.raises(DataError, match="cannot be read as UTF-8 text"):
        labelling.read_tasks(tmp_path)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"task_id": "b", "prompt": 5}', "the prompt is blank or no text"),
        ('{"task_id": "b", "prompt": " "}', "the prompt is blank or no text"),
        ('{"task_id": "a", "prompt": "q"}', "another line has task_id 'a' as well"),
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
            "--models",
            str(models),
            "--tasks",
            str(tmp_path / "mine.jsonl"),
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
    assert labelling.as_if_alone(outcome, 0.085).latency_s == 1.0
    assert labelling.as_if_alone(replace(outcome, cost_usd=None), 0.085).latency_s is None
