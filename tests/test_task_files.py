"""Tasks at the door of `pointsman label`: every format, and what is wrong with some of them."""

import json

import pandas as pd
import pyarrow as pa
import pytest
from rich.console import Console
from typer.testing import CliRunner

from router_training import labelling
from router_training.cli import app
from router_training.contract import DataError, ModelCard, Task
from router_training.labels.calls import messages
from router_training.labels.pages import print_tasks
from router_training.labels.task_files import TaskFile, read_task_file, write_rejected
from router_training.outcomes import load_outcomes
from tests.counting_server import counting_server

ROWS = [{"id": 7, "question": "What is 1 + 1?", "answer": "2"}, {"id": 8, "question": "Why?", "answer": None}]
WANTED = [("7", "What is 1 + 1?", "2"), ("8", "Why?", None)]


def saved_dataset(folder, rows, parts=1):
    """Write a folder as Hugging Face `datasets` saves one."""
    folder.mkdir(parents=True)
    names = [f"data-{i:05}-of-{parts:05}.arrow" for i in range(parts)]
    for i, name in enumerate(names):
        table = pa.Table.from_pylist(rows[i::parts])
        with pa.OSFile(str(folder / name), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)
    state = {"_data_files": [{"filename": name} for name in names], "_fingerprint": "0"}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def write(kind, tmp_path):
    path = tmp_path / f"tasks.{kind}"
    if kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    elif kind == "json":
        path.write_text(json.dumps(ROWS))
    elif kind == "parquet":
        pd.DataFrame(ROWS).to_parquet(path)
    elif kind == "saved":
        return saved_dataset(path, ROWS)
    elif kind == "saved dict":
        saved_dataset(path / "test", ROWS[1:])
        saved_dataset(path / "train", ROWS[:1])
        return path
    else:
        pd.DataFrame(ROWS).to_csv(path, index=False, sep="\t" if kind == "tsv" else ",")
    return path


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "tsv", "parquet", "saved", "saved dict"])
def test_the_same_tasks_come_out_of_every_format(tmp_path, kind):
    found = read_task_file(write(kind, tmp_path), grader="numeric")
    assert sorted((task.task_id, task.prompt, task.reference) for task in found.tasks) == WANTED
    assert {task.grader for task in found.tasks} == {"numeric"}
    assert not found.rejected
    assert found.columns == {"prompt": "question", "task_id": "id", "reference": "answer"}


CHAT = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Hello!"},
    {"role": "user", "content": "What is 1 + 1?"},
    {"role": "assistant", "content": "2"},
]


@pytest.mark.parametrize(
    "line",
    [
        {"messages": CHAT},
        {"messages": json.dumps(CHAT)},
        {
            "custom_id": "a",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "m", "messages": CHAT},
        },
        {"request": {"messages": CHAT}, "response": {"choices": []}},
        {
            "conversations": [
                {"from": m["role"].replace("user", "human"), "value": m["content"]} for m in CHAT
            ]
        },
    ],
)
def test_a_chat_log_is_asked_as_the_conversation_that_it_was(tmp_path, line):
    (tmp_path / "log.jsonl").write_text(json.dumps(line) + "\n")
    (task,) = read_task_file(tmp_path / "log.jsonl").tasks
    assert task.prompt == "What is 1 + 1?" and task.reference is None
    card = ModelCard("m", 1.0, 1.0, system_prompt="Be brief.")
    assert messages(card, task) == CHAT[:4]
    labelling.write_tasks([task], tmp_path / "again.jsonl")
    assert labelling.read_tasks(tmp_path / "again.jsonl") == [task]


def test_two_conversations_that_end_alike_are_two_tasks(tmp_path):
    other = [{"role": "user", "content": "Bye"}, *CHAT[2:]]
    lines = [json.dumps({"messages": chat}) + "\n" for chat in (CHAT, other, CHAT)]
    (tmp_path / "log.jsonl").write_text("".join(lines))
    found = read_task_file(tmp_path / "log.jsonl")
    assert len(found.tasks) == 2
    assert "already stands in" in found.rejected[0].reason


def test_a_truncated_parquet_file_is_one_sentence(tmp_path):
    path = write("parquet", tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(
        DataError, match=r"tasks.parquet is not a readable Parquet file .*; write or copy it again"
    ):
        read_task_file(path)


def test_a_truncated_arrow_file_keeps_the_batches_before(tmp_path):
    folder = tmp_path / "saved"
    folder.mkdir()
    with pa.OSFile(str(folder / "data.arrow"), "wb") as file:
        batches = [pa.RecordBatch.from_pylist([{"prompt": f"p{i}"}]) for i in range(3)]
        with pa.ipc.new_stream(file, batches[0].schema) as stream:
            for batch in batches:
                stream.write_batch(batch)
    raw = (folder / "data.arrow").read_bytes()
    (folder / "data.arrow").write_bytes(raw[: len(raw) - 60])
    (folder / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}')
    found = read_task_file(folder)
    assert [task.prompt for task in found.tasks] == ["p0", "p1"]
    assert "damaged from here on" in found.rejected[0].reason


def test_a_stray_quote_in_row_70_001_costs_that_row_alone(tmp_path):
    lines = ["id,prompt\n", *(f"{n},What is {n} + 1?\n" for n in range(1, 70_011))]
    lines[70_001] = '70001,"What is 7\n'
    (tmp_path / "tasks.csv").write_text("".join(lines))
    found = read_task_file(tmp_path / "tasks.csv")
    assert len(found.tasks) == 70_009
    (rejected,) = found.rejected
    assert str(rejected.place).endswith("tasks.csv, line 70002") and "quote" in rejected.reason


def test_a_line_in_another_encoding_costs_that_line_alone(tmp_path):
    (tmp_path / "tasks.csv").write_bytes(
        "id,prompt\n1,Grüße\n".encode() + "2,Grüße\n".encode("latin-1") + b"3,ok\n"
    )
    found = read_task_file(tmp_path / "tasks.csv")
    assert [task.task_id for task in found.tasks] == ["1", "3"]
    assert str(found.rejected[0].place).endswith("line 3") and "not UTF-8" in found.rejected[0].reason


def test_ids_are_one_kind_whatever_file_they_stand_in(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        '{"id": 7, "prompt": "p"}\n{"id": "7.0", "prompt": "q"}\n{"id": "07", "prompt": "r"}\n'
    )
    found = read_task_file(tmp_path / "a.jsonl")
    assert [task.task_id for task in found.tasks] == ["7", "07"]
    assert "task '7' already stands in" in found.rejected[0].reason


def test_a_prompt_of_a_megabyte_is_a_task(tmp_path):
    prompt = "word " * 200_000
    (tmp_path / "a.jsonl").write_text(json.dumps({"prompt": prompt}) + "\n")
    (task,) = read_task_file(tmp_path / "a.jsonl").tasks
    with counting_server() as server:
        card = ModelCard("wrong", 1.0, 2.0, base_url=server.url, max_tokens=9)
        done = labelling.label([task], {"wrong": card}, tmp_path / "out")
    assert len(server.bodies[0]["messages"][0]["content"]) == len(prompt)
    assert done.outcomes()[0].prompt == prompt


def test_ten_thousand_models_are_labelled(tmp_path):
    with counting_server() as server:
        names = [f"m{i}" for i in range(10_000)]
        cards = {name: ModelCard(name, 1.0, 2.0, base_url=server.url, max_tokens=9) for name in names}
        rows = [{"task_id": "t", "model": name, "prompt": "p", "response": "1"} for name in names[:9_999]]
        (tmp_path / "journal.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        done = labelling.label([Task("p", "t", reference="1", grader="numeric")], cards, tmp_path)
    assert (len(server.asked), done.n_outcomes) == (1, 10_000)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": 1}', "no prompt (found: id)"),
        ('{"prompt": ""}', "the prompt is blank"),
        ('{"prompt": 5}', "no text"),
        ('{"messages": "[{"}', "messages is no JSON"),
        ('{"messages": [{"role": "system", "content": "x"}]}', "no message of a user"),
        ('{"messages": [{"content": "x"}]}', "has no role"),
        ('{"prompt": "\\ud800"}', "half a character"),
        ("[1]", "not an object"),
        ("{", "no JSON"),
    ],
)
def test_what_is_no_task_is_listed_with_its_line_and_the_rest_is_kept(tmp_path, line, reason):
    (tmp_path / "a.jsonl").write_text('{"prompt": "p"}\n' + line + '\n{"prompt": "q"}\n')
    found = read_task_file(tmp_path / "a.jsonl")
    assert [task.prompt for task in found.tasks] == ["p", "q"]
    write_rejected(found.rejected, tmp_path / "rejected.jsonl")
    listed = json.loads((tmp_path / "rejected.jsonl").read_text())
    assert listed["line"] == 2 and reason in listed["reason"]


def test_the_command_lists_what_it_left_out_and_asks_the_rest(tmp_path):
    (tmp_path / "a.csv").write_text("q,gold\nWhat is 1 + 1?,2\n,3\nWhat is 2 + 1?,3\n")
    with counting_server() as server:
        (tmp_path / "models.toml").write_text(
            f'[models.right]\nusd_per_mtok_in = 1\nusd_per_mtok_out = 2\nbase_url = "{server.url}"\n'
        )
        arguments = [
            "label",
            str(tmp_path / "a.csv"),
            "--models",
            str(tmp_path / "models.toml"),
            "--column",
            "q=prompt",
        ]
        arguments += ["--column", "gold=reference", "--grader", "numeric", "--out", str(tmp_path / "out")]
        done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "2 tasks in" in done.output and "1 rows were left out" in done.output
    assert "2 outcomes, 2 graded" in done.output
    assert "the prompt is blank" in (tmp_path / "out" / "rejected.jsonl").read_text()
    assert not list((tmp_path / "out").glob("*.part"))


def test_a_table_is_graded_again_without_a_model(tmp_path):
    frame = pd.DataFrame(
        [
            {
                "task_id": 1,
                "prompt": "p",
                "model": "m",
                "quality": 0.0,
                "reference": "12",
                "response": "It is 12.",
            },
            {"task_id": 2, "prompt": "q", "model": "m", "quality": None, "reference": "5", "response": "6"},
            {"task_id": 3, "prompt": "r", "model": "m", "quality": 1.0, "reference": "5", "response": None},
            {"task_id": 4, "prompt": "", "model": "m", "quality": 1.0, "reference": "5", "response": "5"},
        ]
    )
    frame.to_csv(tmp_path / "table.csv", index=False)
    done = CliRunner().invoke(app, ["grade", str(tmp_path / "table.csv"), "--grader", "numeric"])
    assert done.exit_code == 0, done.output
    assert "3 outcomes: 2 graded, 2 of them otherwise than before, 0 could not be judged, 1 left" in " ".join(
        done.output.split()
    )
    graded = pd.read_parquet(tmp_path / "table-graded.parquet")
    assert graded["quality"].tolist() == [1.0, 0.0, 1.0]
    assert "line 5" not in done.output and "rejected.jsonl" in done.output


def test_an_answer_that_nobody_could_grade_is_graded_later(tmp_path):
    row = {"task_id": "1", "prompt": "p", "model": "m", "quality": None, "reference": "5", "response": "5"}
    path = tmp_path / "table.jsonl"
    path.write_text(json.dumps({**row, "error": "the task names no grader"}) + "\n")
    done = CliRunner().invoke(app, ["grade", str(path), "--grader", "numeric"])
    assert done.exit_code == 0, done.output
    assert pd.read_parquet(tmp_path / "table-graded.parquet")["quality"].tolist() == [1.0]


def test_the_list_of_graders_names_them_all():
    from router_training import graders

    listed = CliRunner().invoke(app, ["grade"]).output
    assert all(name[:15] in listed for name in graders.available())


def test_columns_are_known_with_blanks_and_capitals_and_those_not_used_are_named(tmp_path):
    path = tmp_path / "asked.csv"
    path.write_text("No,Question,Expected Answer,remark\n1,What is 6 x 7?,42,easy\n")
    found = read_task_file(path)
    assert found.columns == {"prompt": "Question", "reference": "Expected Answer"}
    assert found.unused == ("No", "remark") and found.tasks[0].reference == "42"


@pytest.mark.parametrize(
    ("references", "said"),
    [
        (("42", "1,000.5"), "--grader numeric may fit"),
        (("42", "Paris"), "--grader exact_normalised may fit"),
        ((None,), "say --column NAME=reference"),
    ],
)
def test_what_to_do_about_tasks_without_a_grader_is_said_by_their_references(tmp_path, references, said):
    found = TaskFile([Task("p", str(i), reference=one) for i, one in enumerate(references)], [], {})
    console = Console(record=True, width=200)
    print_tasks(console, found, tmp_path / "asked.csv", tmp_path / "rejected.jsonl")
    assert said in console.export_text()


def test_a_second_row_of_a_task_and_model_is_listed_and_the_graded_table_can_be_trained_on(tmp_path):
    row = {"task_id": 1, "prompt": "p", "model": "m", "quality": 0, "reference": "5", "response": "5"}
    path = tmp_path / "table.jsonl"
    path.write_text(
        "".join(json.dumps(one) + "\n" for one in (row, {**row, "task_id": "1.0", "response": "6"}))
    )
    done = CliRunner().invoke(app, ["grade", str(path), "--grader", "numeric"])
    assert done.exit_code == 0, done.output
    assert load_outcomes(tmp_path / "table-graded.parquet").quality.tolist() == [[1.0]]
    (listed,) = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
    assert (
        listed["line"] == 2 and listed["reason"] == f"task '1' and model 'm' already stand in {path}, line 1"
    )
