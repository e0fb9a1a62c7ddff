"""`pointsman tasks from-hf`: a folder as `save_to_disk` leaves it, Parquet files, and a hub on this machine."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote

import pandas as pd
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from orchestrator.cli import app
from router_training import graders
from router_training.contract import DataError, PointsmanError, UsageError
from router_training.importing.saved_datasets import CONVERTED, fetch, saved_records

ROWS = {"question": ["What is 2+2?", "What is 3*3?"], "answer": ["two and two\n#### 4", "#### 1,000"]}


def save(folder, columns, shards=1):
    """Write what `datasets.Dataset.save_to_disk` writes: streams of Arrow batches, listed in state.json."""
    folder.mkdir(parents=True)
    table = pa.table(columns)
    names = [f"data-{i:05d}-of-{shards:05d}.arrow" for i in range(shards)]
    size = -(-len(table) // shards)
    for i, name in enumerate(names):
        part = table.slice(i * size, size)
        with pa.OSFile(str(folder / name), "wb") as file, pa.ipc.new_stream(file, part.schema) as stream:
            stream.write_table(part, max_chunksize=1)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def made(folder, tmp_path, *options):
    out = tmp_path / "tasks.jsonl"
    done = CliRunner().invoke(
        app, ["tasks", "from-hf", str(folder), "--out", str(out), "--overwrite", *options]
    )
    tasks = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    return tasks, done


def test_a_data_set_saved_to_disk_becomes_tasks_that_its_grader_can_grade(tmp_path):
    tasks, done = made(save(tmp_path / "gsm8k", ROWS, shards=2), tmp_path)
    assert [task["reference"] for task in tasks] == ["4", "1,000"] and done.exit_code == 0
    assert {task["grader"] for task in tasks} == {"numeric"} and tasks[0]["task_type"] == "gsm8k"
    assert graders.load("numeric")("The answer is 1000.", tasks[1]["reference"]) == 1.0


def test_the_test_part_is_taken_unless_another_is_named(tmp_path):
    folder = tmp_path / "both"
    save(folder / "train", ROWS)
    save(folder / "test", {"question": ["Held out?"], "answer": ["5"]})
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    assert [task["prompt"] for task in made(folder, tmp_path)[0]] == ["Held out?"]
    assert len(made(folder, tmp_path, "--split", "train")[0]) == 2
    _, done = made(folder, tmp_path, "--split", "gone")
    assert "choose one of train, test" in str(done.exception)


@pytest.mark.parametrize(
    ("choices", "answer"),
    [
        (["red", "blue"], 1),
        (["red", "blue"], "B"),
        (["red", "blue"], "blue"),
        ({"text": ["red", "blue"], "label": ["1", "2"]}, "2"),
    ],
)
def test_choices_are_put_below_the_question_however_the_answer_is_written(tmp_path, choices, answer):
    folder = save(
        tmp_path / "mmlu",
        {"question": ["Sky?"], "choices": [choices], "answer": [answer], "subject": ["sight"]},
    )
    (task,), _ = made(folder, tmp_path)
    label = "2" if isinstance(choices, dict) else "B"
    assert f"{label}. blue" in task["prompt"] and task["task_type"] == "sight" and task["grader"] == "choice"
    assert graders.load("choice")(f"The answer is {label}.", task["reference"]) == 1.0
    assert graders.load("choice")("red", task["reference"]) == 0.0


def test_answers_of_squad_are_their_first_text(tmp_path):
    folder = save(
        tmp_path / "squad",
        {"question": ["Who?"], "answers": [{"text": ["Ada", "Ada L."], "answer_start": [1, 1]}]},
    )
    (task,), _ = made(folder, tmp_path, "--column", "answers=reference")
    assert (task["reference"], task["grader"]) == ("Ada", "exact_normalised")


def test_rows_without_a_prompt_and_ids_that_come_twice_are_listed(tmp_path):
    folder = save(
        tmp_path / "torn", {"id": [1, 1, 2], "question": ["A?", "B?", None], "answer": ["x", "y", "z"]}
    )
    tasks, done = made(folder, tmp_path)
    assert [task["task_id"] for task in tasks] == ["1"] and done.exit_code == 0
    listed = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
    assert [(one["row"], one["reason"]) for one in listed] == [
        (2, "another row has the id '1' as well"),
        (3, "the prompt is blank"),
    ]


def test_a_limit_is_kept_and_the_grader_can_be_named(tmp_path):
    tasks, _ = made(save(tmp_path / "set", ROWS), tmp_path, "--limit", "1", "--grader", "exact_normalised")
    assert len(tasks) == 1 and tasks[0]["grader"] == "exact_normalised"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--grader", "nonsense"], "unknown grader"),
        (["--column", "gone=prompt"], "the columns are question, answer"),
        (["--column", "question=reference"], "no column holds the prompt"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(tmp_path, options, complaint):
    tasks, done = made(save(tmp_path / "set", ROWS), tmp_path, *options)
    assert isinstance(done.exception, PointsmanError) and complaint in str(done.exception) and not tasks


def test_tasks_that_are_there_are_not_overwritten_unasked(tmp_path):
    folder, out = save(tmp_path / "set", ROWS), tmp_path / "tasks.jsonl"
    out.write_text("mine")
    done = CliRunner().invoke(app, ["tasks", "from-hf", str(folder), "--out", str(out)])
    assert "--overwrite" in str(done.exception) and out.read_text() == "mine"


def test_a_damaged_data_set_is_one_sentence(tmp_path):
    folder = save(tmp_path / "set", ROWS)
    (arrow,) = folder.glob("*.arrow")
    whole = arrow.read_bytes()
    arrow.write_bytes(b"no arrow")
    with pytest.raises(DataError, match="not a readable Arrow file"):
        list(saved_records(folder))
    arrow.write_bytes(whole[: len(whole) * 3 // 4])
    found = list(saved_records(folder))
    assert found[0].values["question"] == "What is 2+2?" and "damaged" in found[-1].reason
    (folder / "state.json").write_text("{")
    with pytest.raises(DataError, match=r"state\.json cannot be read"):
        list(saved_records(folder))
    with pytest.raises(DataError, match="holds no data set"):
        list(saved_records(tmp_path / "nowhere"))


TINY = {
    f"main/{part}/0000.parquet": pd.DataFrame({"question": [question], "answer": ["5"]}).to_parquet()
    for part, question in (("test", "Held out?"), ("train", "Seen?"))
}
TREE, FILE = f"/api/datasets/me/tiny/tree/{CONVERTED}", f"/datasets/me/tiny/resolve/{CONVERTED}/"


def answer(path):
    if path in ("/", TREE):
        rows = [
            {"type": "file", "path": name, "size": len(raw), "oid": "0" * 40} for name, raw in TINY.items()
        ]
        return 200, json.dumps(rows).encode()
    if path.startswith(FILE):
        return 200, TINY[path.removeprefix(FILE)]
    return 404, b"{}"


class Hub(BaseHTTPRequestHandler):
    """Serves one data set the way the hub serves its Parquet conversions."""

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        status, body = answer(unquote(self.path).partition("?")[0])
        self.send_response(status)
        for name, value in (("Content-Length", len(body)), ("ETag", '"abc"'), ("X-Repo-Commit", "1" * 40)):
            self.send_header(name, str(value))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@pytest.fixture
def hub():
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_data_set_of_the_hub_is_fetched_as_parquet(tmp_path, hub):
    folder = fetch("me/tiny", tmp_path, endpoint=hub)
    assert [record.values["question"] for record in saved_records(folder)] == ["Held out?"]
    assert [record.values["question"] for record in saved_records(folder, "train")] == ["Seen?"]


@pytest.mark.parametrize(
    ("name", "config", "complaint"),
    [
        ("me/gone", None, "cannot be fetched"),
        ("me/tiny", "other", "configurations main"),
        ("no name/at all", None, "cannot be fetched"),
    ],
)
def test_what_the_hub_does_not_have_is_one_sentence(tmp_path, hub, name, config, complaint):
    with pytest.raises(UsageError, match=complaint) as caught:
        fetch(name, tmp_path, config=config, endpoint=hub)
    assert "\n" not in str(caught.value)


def test_a_hub_that_is_out_of_reach_is_one_sentence(tmp_path):
    with pytest.raises(UsageError, match="check the name and the network"):
        fetch("me/tiny", tmp_path, endpoint="http://127.0.0.1:9")
