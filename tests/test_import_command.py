"""`pointsman import`: the guess, the question, and what becomes of bad input."""

import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from orchestrator.cli import app
from router_training.contract import DataError, UsageError
from router_training.importing.cells import Cell, outcome, prompt_id
from router_training.importing.gathering import gather
from router_training.importing.guessing import guess
from router_training.importing.records import Place, Record, Rejected, read_records
from router_training.outcomes import load_outcomes

HERE = Place("f.csv", "line", 2)


def run(tmp_path, text, *options, name="prompts.csv", answers=None):
    """Run the import on a CSV file and return its rows by (prompt, model), what it printed, and what it rejected."""
    path, out = tmp_path / name, tmp_path / "out" / "outcomes.parquet"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    done = CliRunner().invoke(app, ["import", "wide", str(path), "--out", str(out), *options], input=answers)
    rows, rejected = {}, []
    if out.exists():
        frame = pd.read_parquet(out).astype(object)
        frame = frame.where(frame.notna(), None)
        rows = {(row["prompt"], row["model"]): row for row in frame.to_dict("records")}
    if (listed := out.parent / "rejected.jsonl").exists():
        rejected = [json.loads(line) for line in listed.read_text().splitlines()]
    return rows, done, rejected


def refused(done):
    assert isinstance(done.exception, UsageError | DataError), done.output
    assert "\n" not in str(done.exception)
    return str(done.exception)


def record(**values):
    return Record(HERE, values)


def test_the_plainest_table_needs_no_question(tmp_path):
    rows, done, rejected = run(tmp_path, "prompt,gpt-4o,llama-8b\nA?,1,0\nB?,0.5,\n")
    assert done.exit_code == 0 and not rejected
    assert {key: row["quality"] for key, row in rows.items()} == {
        ("A?", "gpt-4o"): 1.0,
        ("A?", "llama-8b"): 0.0,
        ("B?", "gpt-4o"): 0.5,
    }
    assert rows["A?", "gpt-4o"]["task_id"] == prompt_id("A?")


def test_what_is_imported_can_be_trained_on(tmp_path):
    run(tmp_path, "id,prompt,a_score,a_cost,b_score,b_cost\n1,A?,1,0.1,0,0.2\n2,B?,0,0.1,1,0.2\n")
    table = load_outcomes(tmp_path / "out" / "outcomes.parquet")
    assert table.models == ("a", "b") and list(table.task_ids) == ["1", "2"]
    assert table.cost_usd.tolist() == [[0.1, 0.2], [0.1, 0.2]]


@pytest.mark.parametrize(
    ("column", "model", "field"),
    [
        ("gpt-4_score", "gpt-4", "quality"),
        ("gpt-4|total_cost", "gpt-4", "cost_usd"),
        ("score.gpt-4", "gpt-4", "quality"),
        ("GPT 4 (response)", "GPT 4", "response"),
        ("openai/gpt-4/latency_ms", "openai/gpt-4", "latency_ms"),
        ("gpt-4 prompt tokens", "gpt-4", "prompt_tokens"),
        ("gpt_4_output_tokens", "gpt_4", "completion_tokens"),
        ("is_correct: gpt-4", "gpt-4", "quality"),
    ],
)
def test_a_column_is_a_model_and_a_measure_however_they_are_joined(column, model, field):
    if column.endswith("(response)"):
        column = column.replace("(response)", "- response")
    found = guess(["prompt", column], [record(**{"prompt": "Q", column: "1"})], {})
    assert found.layout.models[model.rstrip(" -")] == {field: column}


def test_a_long_table_is_seen_by_its_column_of_models(tmp_path):
    rows, done, _ = run(tmp_path, "question,llm,answer,score\nA?,x,yes,1\nA?,y,no,0\n")
    assert done.exit_code == 0
    assert rows["A?", "x"]["response"] == "yes" and rows["A?", "y"]["quality"] == 0.0


def test_other_columns_are_shown_as_left_out(tmp_path):
    rows, done, _ = run(tmp_path, "prompt,gpt-4,note\nA?,1,hello there\n")
    assert set(rows) == {("A?", "gpt-4")} and "left out" in done.output


def test_an_unsure_guess_is_asked_about_and_no_leaves_nothing_behind(tmp_path):
    text = "prompt,difficulty,gpt-4\nA?,1,1\n"
    rows, done, _ = run(tmp_path, text, answers="n\n")
    assert "'difficulty' holds numbers and is taken for the grades of a model" in " ".join(
        done.output.split()
    )
    assert "--column" in refused(done) and not rows
    rows, done, _ = run(tmp_path, text, "--column", "difficulty=ignore")
    assert set(rows) == {("A?", "gpt-4")} and done.exit_code == 0


def test_where_nobody_can_be_asked_yes_must_be_said(tmp_path):
    text = "Frage an das Modell,A\nWas ist zwei plus zwei?,1\n"
    rows, done, _ = run(tmp_path, text)
    assert "--yes" in refused(done) and not rows
    rows, done, _ = run(tmp_path, text, "--yes")
    assert rows["Was ist zwei plus zwei?", "A"]["quality"] == 1.0


def test_percent_is_not_taken_for_a_grade_until_full_marks_are_said(tmp_path):
    text = "prompt,gpt-4\nA?,85\nB?,100\n"
    _, done, rejected = run(tmp_path, text)
    assert "--full-marks" in refused(done) and len(rejected) == 2
    rows, _, _ = run(tmp_path, text, "--full-marks", "100")
    assert rows["A?", "gpt-4"]["quality"] == 0.85


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (["--column", "gone=prompt"], "no such column"),
        (["--column", "prompt=nonsense"], "a column holds one of"),
        (["--column", "prompt"], "NAME=ROLE"),
        (["--column", "gpt-4=ignore"], "no column holds a model"),
        (["--column", "prompt=ignore"], "no column holds the prompt"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(tmp_path, said, complaint):
    _, done, _ = run(tmp_path, "prompt,gpt-4\nA?,1\n", *said)
    assert complaint in refused(done)


def test_a_table_that_is_there_is_not_overwritten_unasked(tmp_path):
    run(tmp_path, "prompt,gpt-4\nA?,1\n")
    rows, done, _ = run(tmp_path, "prompt,gpt-4\nB?,1\n")
    assert "--overwrite" in refused(done) and set(rows) == {("A?", "gpt-4")}
    rows, _, _ = run(tmp_path, "prompt,gpt-4\nB?,1\n", "--overwrite")
    assert set(rows) == {("B?", "gpt-4")}


def test_without_a_format_the_formats_are_listed():
    done = CliRunner().invoke(app, ["import"])
    assert "routerbench" in done.output and "openai-batch" in done.output
    done = CliRunner().invoke(app, ["import", "nonsense"])
    assert "choose one of" in str(done.exception)
    assert "PATH" in str(CliRunner().invoke(app, ["import", "wide"]).exception)


@pytest.mark.parametrize(
    ("given", "quality", "error"),
    [
        ("True", 1.0, None),
        ("incorrect", 0.0, None),
        ("87%", 0.87, None),
        ("0,5", 0.5, None),
        (True, 1.0, None),
        ("N/A", None, None),
        (float("nan"), None, None),
        ("HTTP 429 rate limit", None, "HTTP 429 rate limit"),
        ("timeout", None, "timeout"),
    ],
)
def test_grades_are_read_as_people_write_them_and_errors_are_missing(given, quality, error):
    made = outcome(Cell(HERE, {"prompt": "Q", "model": "m", "quality": given, "response": "r"}))
    assert (made.quality, made.error) == (quality, error)
    assert made.response == (None if error else "r")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"quality": "good"}, "quality is 'good', not a number"),
        ({"quality": -1}, "quality is -1"),
        ({"quality": float("inf")}, "finite"),
        ({"cost_usd": "free"}, "cost_usd is 'free'"),
        ({"prompt": " "}, "the prompt is blank"),
        ({"model": None}, "the model has no name"),
        ({"prompt": [{"role": "system", "content": "S"}]}, "no text of a user"),
        ({"prompt": "\ud800"}, "half a character"),
    ],
)
def test_a_cell_that_breaks_a_rule_is_rejected_with_the_rule(fields, reason):
    made = outcome(Cell(HERE, {"prompt": "Q", "model": "m", "quality": 1} | fields))
    assert isinstance(made, Rejected) and reason in made.reason and made.place == HERE


def test_ids_that_are_numbers_here_and_text_there_are_the_same(tmp_path):
    folder = tmp_path / "both"
    folder.mkdir()
    pd.DataFrame({"id": [1.0, 2.0], "prompt": ["A?", "B?"], "gpt-4": [1, 0]}).to_parquet(folder / "a.parquet")
    (folder / "b.csv").write_text("id,prompt,gpt-4,llama-8b\n1,A?,,1\n2.0,B?,,0\n")
    (folder / "c.jsonl").write_text(
        '{"id": 3, "prompt": "C?", "gpt-4": 1}\n{"id": "3", "prompt": "C?", "gpt-4": 1}\n'
    )
    out = tmp_path / "outcomes.parquet"
    done = CliRunner().invoke(app, ["import", "wide", str(folder), "--out", str(out)])
    assert done.exit_code == 0
    frame = pd.read_parquet(out)
    found = list(zip(frame["task_id"], frame["model"], strict=True))
    assert found == [("1", "gpt-4"), ("2", "gpt-4"), ("1", "llama-8b"), ("2", "llama-8b"), ("3", "gpt-4")]


def test_a_model_whose_first_row_comes_late_is_found_in_jsonl(tmp_path):
    path, out = tmp_path / "late.jsonl", tmp_path / "outcomes.parquet"
    rows = [{"prompt": f"Q{i}", "gpt-4": 1} for i in range(300)] + [{"prompt": "last", "llama-8b": 0}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    CliRunner().invoke(app, ["import", "wide", str(path), "--out", str(out)])
    assert pd.read_parquet(out)["model"].value_counts().to_dict() == {"gpt-4": 300, "llama-8b": 1}


def test_one_id_for_two_prompts_and_one_prompt_twice_are_rejected_where_they_come_second(tmp_path):
    rows, done, rejected = run(tmp_path, "id,prompt,gpt-4\n1,A?,1\n1,Other?,1\n2,B?,1\n1,A?,0\n")
    assert rows["A?", "gpt-4"]["quality"] == 1.0 and len(rows) == 2 and done.exit_code == 0
    assert [(one["line"], one["reason"].split(";")[0]) for one in rejected] == [
        (3, "task '1' had another prompt before"),
        (5, f"task '1' and model 'gpt-4' already stand in {tmp_path / 'prompts.csv'}, line 2"),
    ]
    assert "Left out: 2, listed in" in " ".join(done.output.split())


def test_a_stray_quote_in_row_70001_costs_that_row(tmp_path):
    body = [f'{i},"Question {i}, please",1' for i in range(70_020)]
    body[70_000] = 't,"open,1'
    body[70_005] = 't,"What is "this",1'
    body[70_010] = '"t,x,1'
    path = tmp_path / "prompts.csv"
    path.write_text("id,prompt,gpt-4\n" + "\n".join(body) + "\n")
    found = list(read_records(path, (".csv",)))
    rejected = [one for one in found if isinstance(one, Rejected)]
    assert len(found) == 70_020 and [one.place.number for one in rejected] == [70_002, 70_007, 70_012]
    assert rejected[0].content == body[70_000] and str(rejected[0].place) == f"{path}, line 70002"


def test_quoted_lines_and_empty_lines_are_counted_as_lines_of_the_file(tmp_path):
    _, _, rejected = run(tmp_path, 'prompt,gpt-4\n"two\nlines",1\n\nbad,x\n')
    assert [one["line"] for one in rejected] == [5]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_understood(tmp_path, encoding):
    rows, _, _ = run(tmp_path, "prompt;gpt-4\nÜber?;1\n".encode(encoding))
    assert set(rows) == {("Über?", "gpt-4")}


def test_a_line_in_another_encoding_costs_that_line(tmp_path):
    text = "prompt,gpt-4\nÜber?,1\n".encode() + "Müll?,1\n".encode("cp1252") + "Schön?,0\n".encode()
    rows, done, rejected = run(tmp_path, text)
    assert set(rows) == {("Über?", "gpt-4"), ("Schön?", "gpt-4")} and done.exit_code == 0
    assert rejected[0]["line"] == 3 and "0xfc is not UTF-8" in rejected[0]["reason"]


def test_prompts_of_a_megabyte_and_ten_thousand_models_pass(tmp_path):
    long = "word " * 210_000
    names = [f"model-{i}" for i in range(10_000)]
    text = ",".join(["prompt", *names]) + "\n" + ",".join(["many", *["1"] * 10_000]) + "\n"
    rows, done, _ = run(tmp_path, text + f'"{long}"' + ",0" + "," * 9_999 + "\n")
    assert done.exit_code == 0 and len(rows) == 10_001 and (long, "model-0") in rows


def test_a_truncated_parquet_file_is_one_sentence_and_the_others_are_kept(tmp_path):
    whole = tmp_path / "whole.parquet"
    pd.DataFrame({"prompt": ["A?"], "gpt-4": [1]}).to_parquet(whole)
    _, done, _ = run(tmp_path, whole.read_bytes()[:-30], name="cut.parquet")
    assert "cut.parquet is not a readable Parquet file" in refused(done)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.parquet").write_bytes(whole.read_bytes())
    (folder / "b.parquet").write_bytes(whole.read_bytes()[:-30])
    found = list(read_records(folder, (".parquet",)))
    assert isinstance(found[0], Record) and isinstance(found[1], Rejected) and "b.parquet" in found[1].reason


def test_a_truncated_list_of_json_keeps_what_stands_before_the_break(tmp_path):
    path = tmp_path / "cut.json"
    path.write_text(json.dumps([{"a": 1}, {"a": 2}, {"a": 3}], indent=1)[:-8])
    found = list(read_records(path, (".json",)))
    assert [one.values["a"] for one in found[:2]] == [1, 2] and "breaks off" in found[2].reason


@pytest.mark.parametrize(
    "text", ["", "\n", "prompt,gpt-4\n", "prompt,prompt\nA?,1\n", '"prompt,gpt-4\nA?,1\n']
)
def test_a_file_without_rows_or_header_is_one_sentence(tmp_path, text):
    _, done, _ = run(tmp_path, text)
    assert "prompts.csv" in refused(done)


def test_a_run_that_breaks_leaves_no_half_table(tmp_path):
    def cells():
        yield Cell(HERE, {"prompt": "Q", "model": "m", "quality": 1})
        raise DataError("the disk went away")

    with pytest.raises(DataError):
        gather(cells(), tmp_path / "outcomes.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot be written"):
        gather(iter([Cell(HERE, {"prompt": "Q", "model": "m"})]), tmp_path / "file" / "outcomes.parquet")


def test_half_a_character_can_be_listed_among_the_rejected(tmp_path):
    cells = [Cell(HERE, {"prompt": "Q", "model": "m"}), Rejected(HERE, "no object", "\ud800")]
    gather(iter(cells), tmp_path / "outcomes.parquet")
    assert json.loads((tmp_path / "rejected.jsonl").read_text())["content"] == "\ud800"


def test_long_texts_are_written_in_small_groups(tmp_path):
    cells = (Cell(HERE, {"prompt": f"{i}" + "x" * 30_000_000, "model": "m", "quality": 1}) for i in range(5))
    gather(cells, tmp_path / "outcomes.parquet")
    assert pq.ParquetFile(tmp_path / "outcomes.parquet").num_row_groups == 2
