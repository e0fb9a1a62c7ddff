"""Formats that are tables: a small file as that project writes it becomes the outcomes it says, broken rows apart."""

from dataclasses import asdict

import pandas as pd
import pytest

from router_training import importers
from router_training.contract import DataError, UsageError
from router_training.importing.cells import Choices
from tests.imported import imported, lines, rejections
from tests.test_importers_logs import GOOD_LINES

ROUTERBENCH = {
    "sample_id": ["mmlu.1", "mmlu.2"],
    "prompt": ["['What is 2+2?']", "['Part one', 'Part two']"],
    "eval_name": ["mmlu", "mmlu"],
    "gpt-4": [1.0, 0.25],
    "zero/Yi": [0.0, None],
    "gpt-4|model_response": ["['4']", "['x']"],
    "zero/Yi|model_response": ["['5']", None],
    "gpt-4|total_cost": [0.001, 0.002],
    "zero/Yi|total_cost": [0.0001, None],
    "oracle_model_to_route_to": ["gpt-4", "gpt-4"],
}


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_routerbench_is_read_from_a_wide_table_with_its_lists_unpacked(tmp_path, ending):
    path = tmp_path / f"routerbench.{ending}"
    frame = pd.DataFrame(ROUTERBENCH)
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    rows, found = imported("routerbench", path, tmp_path)
    assert set(rows) == {
        ("What is 2+2?", "gpt-4"),
        ("What is 2+2?", "zero/Yi"),
        ("Part one\nPart two", "gpt-4"),
    }
    row = rows["What is 2+2?", "gpt-4"]
    assert (row["task_id"], row["quality"], row["cost_usd"], row["response"]) == ("mmlu.1", 1.0, 0.001, "4")
    assert row["source"] == "mmlu" and found.n_rejected == 0


def test_a_pickle_is_refused_until_it_is_trusted_by_name(tmp_path):
    path = tmp_path / "routerbench_0shot.pkl"
    pd.DataFrame(ROUTERBENCH).to_pickle(path)
    with pytest.raises(UsageError, match="runs whatever code it holds"):
        importers.load("routerbench")(path, Choices())
    rows, _ = imported("routerbench", path, tmp_path, trust_pickle=True)
    assert rows["What is 2+2?", "zero/Yi"]["quality"] == 0.0


@pytest.mark.parametrize("content", [b"", b"no pickle", b"\x80\x04]\x94."])
def test_a_trusted_pickle_that_is_no_table_is_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "broken.pkl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.pkl"):
        importers.load("routerbench")(path, Choices(trust_pickle=True))


def test_routellm_reads_true_and_false_and_the_responses_where_they_are(tmp_path):
    path = tmp_path / "gsm8k_responses.csv"
    path.write_text(
        ",prompt,mistralai/Mixtral-8x7B,gpt-4-1106-preview,mistralai/Mixtral-8x7B_response\n"
        '0,"2, and 3?",True,False,five\n1,Next?,False,True,"a ""quoted"" word"\n'
    )
    rows, found = imported("routellm", path, tmp_path)
    assert rows["2, and 3?", "mistralai/Mixtral-8x7B"]["quality"] == 1.0
    assert rows["Next?", "mistralai/Mixtral-8x7B"]["response"] == 'a "quoted" word'
    assert rows["Next?", "gpt-4-1106-preview"]["quality"] == 1.0
    assert len(rows) == 4 and found.n_rejected == 0


def test_sprout_reads_a_struct_per_model_and_calls_the_labels_a_judges(tmp_path):
    path = tmp_path / "train.parquet"
    cell = {"num_input_tokens": 11, "num_output_tokens": 3, "response": "yes", "score": 0.75}
    pd.DataFrame(
        {
            "key": ["k1", "k2"],
            "dataset": ["math", "gpqa"],
            "prompt": ["P1", "P2"],
            "golden_answer": ["G", None],
        }
        | {"openai-gpt-4o": [cell, cell], "wxai-llama": [cell | {"score": 0.0}, None]}
    ).to_parquet(path)
    rows, _ = imported("sprout", path, tmp_path)
    assert set(rows) == {("P1", "openai-gpt-4o"), ("P1", "wxai-llama"), ("P2", "openai-gpt-4o")}
    row = rows["P1", "openai-gpt-4o"]
    assert (row["quality"], row["prompt_tokens"], row["completion_tokens"], row["reference"]) == (
        0.75,
        11,
        3,
        "G",
    )
    assert row["label_source"] == "judge" and row["task_id"] == "k1"


def test_embedllm_reads_one_row_per_question_and_model(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(
        "prompt_id,model_id,category,label,prompt,model_name\n7,0,mmlu,1,Q?,Qwen/Qwen1\n7,1,mmlu,0,Q?,meta/Llama\n"
    )
    rows, _ = imported("embedllm", path, tmp_path)
    assert [rows["Q?", name]["quality"] for name in ("Qwen/Qwen1", "meta/Llama")] == [1.0, 0.0]
    assert {row["task_id"] for row in rows.values()} == {"7"}


def test_notdiamond_reads_scores_responses_costs_and_latencies_in_milliseconds(tmp_path):
    path = tmp_path / "nd.csv"
    path.write_text(
        "Anfrage,openai/gpt-4o/response,openai/gpt-4o/score,openai/gpt-4o/latency,anthropic/claude/score,notdiamond/score\n"
        "Hallo?,Tag,0.5,1500,1,0.5\nLeer?,,,,0,0\n"
    )
    rows, _ = imported("notdiamond", path, tmp_path, columns={"Anfrage": "prompt"})
    assert (
        rows["Hallo?", "openai/gpt-4o"]["latency_s"] == 1.5
        and rows["Hallo?", "openai/gpt-4o"]["response"] == "Tag"
    )
    assert set(rows) == {
        ("Hallo?", "openai/gpt-4o"),
        ("Hallo?", "anthropic/claude"),
        ("Leer?", "anthropic/claude"),
    }
    with pytest.raises(UsageError, match="--column NAME=prompt"):
        importers.load("notdiamond")(path, Choices())


GOOD_TABLES = {
    "outcomes": ("task_id,prompt,model,quality", "t{i},Q{i},gpt,1"),
    "wide": ("prompt,gpt", "Q{i},1"),
    "routerbench": ("sample_id,prompt,gpt,gpt|total_cost", "s{i},Q{i},1,0.5"),
    "routellm": ("prompt,gpt", "Q{i},True"),
    "embedllm": ("prompt_id,prompt,model_id,label", "{i},Q{i},gpt,1"),
    "notdiamond": ("prompt,gpt/score,gpt/response", "Q{i},1,x"),
}


@pytest.mark.parametrize("name", GOOD_TABLES)
def test_a_row_that_is_broken_costs_only_itself(tmp_path, name):
    header, row = GOOD_TABLES[name]
    body = [row.format(i=i) for i in range(6)]
    body[2] += ",too,many"
    body[4] = '"' + body[4]
    path = tmp_path / "table.csv"
    path.write_text("\n".join([header, *body]) + "\n")
    rows, found = imported(name, path, tmp_path)
    assert {prompt for prompt, _ in rows} == {"Q0", "Q1", "Q3", "Q5"}
    assert [one["line"] for one in rejections(found)] == [4, 6]


@pytest.mark.parametrize("name", ["routerbench", "routellm", "embedllm", "notdiamond", "sprout"])
def test_another_format_is_refused_by_name(tmp_path, name):
    path = tmp_path / ("other.jsonl" if name == "sprout" else "other.csv")
    path.write_text('{"a": 1}\n' if name == "sprout" else "a,b\n1,2\n")
    with pytest.raises(DataError, match="is not"):
        importers.load(name)(path, Choices())


def test_every_format_is_tested_here():
    tested = {*GOOD_LINES, *GOOD_TABLES, "llmrouterbench", "openai-batch"}
    assert {name.replace("_", "-") for name in importers.available()} == tested


def test_a_missing_file_an_empty_folder_and_another_ending_are_one_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    for name in ("gone.csv", "empty", "notes.txt"):
        for format_name in importers.available():
            with pytest.raises(DataError) as caught:
                list(importers.load(format_name)(tmp_path / name, Choices()))
            assert name in str(caught.value) and "\n" not in str(caught.value)


def test_choices_are_plain_values():
    assert asdict(Choices())["trust_pickle"] is False


def test_an_outcome_table_is_imported_with_all_that_its_good_rows_say(tmp_path):
    good = {
        "task_id": 7,
        "prompt": "A?",
        "model": "m",
        "quality": 0.5,
        "label_source": "judge",
        "propensity": 0.25,
    }
    ungraded = {**good, "model": "n", "quality": None, "response": "42", "error": "could not be graded"}
    chat = {"messages": [{"role": "user", "content": "B?"}], "task_id": "8", "model": "m", "quality": 1}
    bad = {**good, "task_id": "9", "label_source": "oracle"}
    (tmp_path / "o.jsonl").write_text(lines(good, ungraded, bad, chat, {**good, "task_id": "7.0"}))
    rows, found = imported("outcomes", tmp_path / "o.jsonl", tmp_path)
    one, two = rows["A?", "m"], rows["A?", "n"]
    assert (one["task_id"], one["label_source"], one["propensity"]) == ("7", "judge", 0.25)
    assert (two["quality"], two["response"], two["error"]) == (None, "42", "could not be graded")
    assert rows["B?", "m"]["quality"] == 1.0
    assert [(row["line"], row["reason"].split(",")[0]) for row in rejections(found)] == [
        (3, "label_source is 'oracle'"),
        (5, f"task '7' and model 'm' already stand in {tmp_path}/o.jsonl"),
    ]
