import json
import shlex

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from router_training.contract import DataError, Outcome, UsageError
from router_training.outcomes import OutcomeTable, load_outcomes, require_routable
from router_training.tables.near_duplicates import near_duplicate_groups

HEADER = "task_id,prompt,model,quality,cost_usd\n"


def rows(n=4, models=("large", "small")):
    return pd.DataFrame(
        [
            {
                "task_id": f"t{i}",
                "prompt": f"question {i}",
                "model": model,
                "quality": (i + j) % 2,
                "cost_usd": j + 1,
            }
            for i in range(n)
            for j, model in enumerate(models)
        ]
    )


def refusal(tmp_path, content, name="outcomes.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError) as caught:
        load_outcomes(path)
    message = str(caught.value)
    assert name in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_the_same_rows_in_any_format_have_the_same_digest(tmp_path, suffix):
    frame = rows()
    frame.loc[0, "quality"] = np.nan
    path = tmp_path / f"outcomes{suffix}"
    if suffix == ".csv":
        frame.to_csv(path, index=False)
    elif suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in frame.to_dict("records")))
    else:
        frame.to_parquet(path)
    assert load_outcomes(path).digest == OutcomeTable.from_frame(frame).digest


def test_matrices_hold_each_outcome_in_its_cell():
    table = OutcomeTable.from_frame(rows(2))
    assert table.models == ("large", "small")
    assert list(table.task_ids) == ["t0", "t1"]
    assert table.prompts == ["question 0", "question 1"]
    np.testing.assert_array_equal(table.quality, [[0, 1], [1, 0]])
    np.testing.assert_array_equal(table.cost_usd, [[1, 2], [1, 2]])
    assert np.isnan(table.latency_s).all()
    assert table.responses.tolist() == [[None, None], [None, None]]
    assert table.task_types == [None, None]


def test_ids_that_are_numbers_in_one_file_and_text_in_another_are_the_same(tmp_path):
    frame = rows(2).assign(task_id=[7.0, 7.0, 8.0, 8.0])
    frame.to_parquet(tmp_path / "floats.parquet")
    frame.assign(task_id=["7", "7", "8", "8"]).to_csv(tmp_path / "text.csv", index=False)
    (tmp_path / "mixed.jsonl").write_text(
        "\n".join(
            json.dumps(row)
            for row in frame.assign(task_id=pd.Series([7, "7", 8.0, "8"], dtype=object)).to_dict("records")
        )
    )
    found = {load_outcomes(tmp_path / name).digest for name in ("floats.parquet", "text.csv", "mixed.jsonl")}
    assert len(found) == 1


def test_a_sparse_grid_leaves_missing_cells_missing():
    table = OutcomeTable.from_frame(rows(2).drop(index=1))
    assert np.isnan(table.quality[0, 1])
    assert np.isfinite(table.quality[1]).all()


@given(st.permutations(range(8)))
@settings(max_examples=20, deadline=None)
def test_the_order_of_rows_changes_nothing(order):
    frame = rows()
    shuffled = OutcomeTable.from_frame(frame.iloc[list(order)])
    assert shuffled.digest == OutcomeTable.from_frame(frame).digest
    np.testing.assert_array_equal(shuffled.quality, OutcomeTable.from_frame(frame).quality)


def test_one_changed_quality_changes_the_digest():
    frame = rows().astype({"quality": float})
    before = OutcomeTable.from_frame(frame).digest
    frame.loc[3, "quality"] = 0.5
    assert OutcomeTable.from_frame(frame).digest != before


def test_outcomes_and_frames_give_the_same_table():
    outcomes = [
        Outcome(r.task_id, r.prompt, r.model, r.quality, cost_usd=r.cost_usd) for r in rows().itertuples()
    ]
    assert OutcomeTable.from_outcomes(outcomes).digest == OutcomeTable.from_frame(rows()).digest


def test_parquet_round_trip_keeps_every_column(tmp_path):
    outcome = Outcome(
        "a",
        "p",
        "m",
        0.5,
        "math",
        "42",
        0.1,
        2.0,
        10,
        20,
        "It is 42.",
        "s",
        "human",
        0.3,
        "2026-01-01T00:00:00Z",
        "e",
    )
    table = OutcomeTable.from_outcomes([outcome])
    table.to_parquet(tmp_path / "o.parquet")
    again = load_outcomes(tmp_path / "o.parquet")
    assert again.digest == table.digest
    assert again.frame.iloc[0].to_dict() == table.frame.iloc[0].to_dict()
    assert again.references == ["42"] and again.responses[0, 0] == "It is 42."


def test_messages_may_stand_for_the_prompt(tmp_path):
    messages = [{"role": "user", "content": "first"}, {"role": "assistant", "content": "ok"}]
    messages.append({"role": "user", "content": [{"type": "text", "text": "second"}]})
    path = tmp_path / "o.jsonl"
    path.write_text(json.dumps({"task_id": 1, "messages": messages, "model": "m", "quality": True}))
    assert load_outcomes(path).prompts == ["second"]


def test_a_prompt_of_200_kb_is_read(tmp_path):
    prompt = "word " * 40_000
    path = tmp_path / "o.csv"
    path.write_text(f'{HEADER}a,"{prompt}",m,1,0.1\n')
    assert load_outcomes(path).prompts == [prompt]


def test_a_column_we_do_not_know_is_allowed_and_left_out(tmp_path):
    table = OutcomeTable.from_frame(rows().assign(colour="red", source="s"))
    assert "colour" not in table.frame.columns
    assert table.sources == ["s"] * 4


def test_a_blank_quality_is_a_missing_outcome(tmp_path):
    path = tmp_path / "o.csv"
    path.write_text(HEADER + "a,p,m,,0.1\na,p,n,1,0.1\n")
    assert np.isnan(load_outcomes(path).quality[0, 0])


BAD_CSV = {
    "semicolons": ("task_id;prompt;model;quality\n1;2;3;1\n", "separate fields by commas"),
    "an open quote": (
        HEADER + 'a,"p,m,1,0\n',
        "record 2: a quote is opened and never closed (the header is record 1)",
    ),
    "nothing at all": ("", "is empty"),
    "a header only": (HEADER, "has no rows"),
    "no quality column": (
        "task_id,prompt,model\na,p,m\n",
        "no column 'quality' (found: task_id, prompt, model)",
    ),
    "quality above 1": (HEADER + "a,p,m,1,0\nb,p2,m,85,0\n", "line 3: quality is 85, but must be in [0, 1]"),
    "quality below 0": (HEADER + "a,p,m,-0.1,0\n", "line 2: quality is -0.1"),
    "quality infinite": (HEADER + "a,p,m,inf,0\n", "line 2: quality is inf"),
    "quality in words": (HEADER + "a,p,m,abc,0\n", "line 2: quality is 'abc', not a number"),
    "every quality blank": (HEADER + "a,p,m,,0\nb,p2,m,NaN,0\n", "quality is blank in every row"),
    "a negative cost": (HEADER + "a,p,m,1,-3\n", "line 2: cost_usd is -3"),
    "a duplicate": (
        HEADER + "a,p,m,1,0\na,p,n,1,0\na,p,m,0,0\n",
        "line 4: task 'a' and model 'm' already stand in line 2",
    ),
    "two prompts, one id": (
        HEADER + "a,p,m,1,0\na,q,n,1,0\n",
        "line 3: task 'a' has another prompt than in line 2",
    ),
    "a blank model": (HEADER + "a,p,,1,0\n", "line 2: model is blank"),
    "a blank prompt": (HEADER + 'a,"  ",m,1,0\n', "line 2: prompt is blank"),
    "too many fields": (
        HEADER + "a,p,m,1,0\na,p,n,1,0,7,8\n",
        "line 3: 7 fields, but the header has 5; give every row as many",
    ),
    "a line after a multi-line prompt": (HEADER + 'a,"p\nq\nr",m,1,0\n\nb,p,m,2,0\n', "line 6: quality is 2"),
    "another character set": (
        HEADER.encode() + b"a,p,m,1,0\nb,caf\xe9,m,1,0\n",
        "line 3: byte 0xe9 is not UTF-8",
    ),
    "an unknown label source": (
        "task_id,prompt,model,quality,label_source\na,p,m,1,oracle\n",
        "line 2: label_source is 'oracle'",
    ),
}


@pytest.mark.parametrize("case", BAD_CSV)
def test_bad_csv_is_refused_with_its_place_and_rule(tmp_path, case):
    content, sentence = BAD_CSV[case]
    assert sentence in refusal(tmp_path, content)


BAD_JSONL = {
    "half a character": (
        '{"task_id": 1, "prompt": "\\ud800", "model": "m", "quality": 1}\n',
        "line 1: prompt holds half a character",
    ),
    "not JSON": ('{"task_id": 1\n', "line 1: not JSON"),
    "a number too long": ('{"task_id": ' + "1" * 5000 + "}\n", "line 1: not JSON that can be read"),
    "lists too deep": ("[" * 100_000 + "\n", "line 1: not JSON that can be read"),
    "not an object": ("\n[1, 2]\n", "line 2: a list, not an object"),
    "no user message": (
        '{"task_id": 1, "messages": [], "model": "m", "quality": 1}\n',
        "messages holds no user text",
    ),
}


@pytest.mark.parametrize("case", BAD_JSONL)
def test_bad_jsonl_is_refused_with_its_place_and_rule(tmp_path, case):
    content, sentence = BAD_JSONL[case]
    assert sentence in refusal(tmp_path, content, "outcomes.jsonl")


def test_files_that_are_no_outcomes_are_refused(tmp_path):
    assert "not a readable Parquet file" in refusal(tmp_path, "hello", "o.parquet")
    assert "ends in '.txt'" in refusal(tmp_path, "hello", "o.txt")
    with pytest.raises(DataError, match="is a directory"):
        load_outcomes(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        load_outcomes(tmp_path / "absent.csv")


def test_a_rare_second_prompt_is_left_out_with_a_warning(caplog):
    frame = rows(200)
    frame.loc[1, "prompt"] = "question 0, spelt otherwise"
    table = OutcomeTable.from_frame(frame)
    assert len(table.frame) == 399
    assert "1 of 200 tasks have more than one prompt" in caplog.text


def test_a_column_given_twice_is_refused():
    frame = rows()
    with pytest.raises(DataError, match="two columns 'quality'"):
        OutcomeTable.from_frame(pd.concat([frame, frame[["quality"]]], axis=1))


def test_one_model_or_one_task_is_nothing_to_route():
    require_routable(OutcomeTable.from_frame(rows()))
    with pytest.raises(DataError, match="only one model"):
        require_routable(OutcomeTable.from_frame(rows(models=("m",))))
    with pytest.raises(DataError, match="only one task"):
        require_routable(OutcomeTable.from_frame(rows(1)))


def test_prompts_alike_but_for_case_and_space_share_a_group():
    long = "x" * 200
    groups = near_duplicate_groups(["Hello  World", "hello world\n", "hello there", long + "a", long + "b"])
    assert groups.tolist() == [0, 0, 1, 2, 2]


def test_a_shared_instruction_is_not_a_near_duplicate():
    template = "Classify the following support ticket. " * 10
    groups = near_duplicate_groups([f"{template}{i // 2}" for i in range(40)])
    assert groups.tolist() == [i // 2 for i in range(40)]


@given(st.integers(2, 60), st.floats(0.05, 0.95), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_a_split_keeps_groups_whole_and_loses_no_task(n, test_share, seed):
    frame = rows(n)
    frame["prompt"] = [
        f"q{int(task[1:]) // 2}" if int(task[1:]) < n - 1 else "last" for task in frame["task_id"]
    ]
    table = OutcomeTable.from_frame(frame)
    train, test = table.split(test_share, seed)
    assert sorted([*train.task_ids, *test.task_ids]) == sorted(table.task_ids)
    assert not set(train.prompts) & set(test.prompts)
    assert len(train) and len(test)
    assert train.models == test.models == table.models


def test_a_split_is_repeatable_and_about_as_large_as_asked():
    table = OutcomeTable.from_frame(rows(500))
    first, second = table.split(0.4, 3), table.split(0.4, 3)
    assert first[1].digest == second[1].digest != table.split(0.4, 4)[1].digest
    assert abs(len(first[1]) - 200) <= 1


def test_a_split_refuses_an_impossible_share_or_a_single_group():
    with pytest.raises(UsageError, match="test_share is 1"):
        OutcomeTable.from_frame(rows()).split(1.0)
    with pytest.raises(DataError, match="only one task"):
        OutcomeTable.from_frame(rows(1)).split()


def test_take_keeps_the_order_asked_for():
    table = OutcomeTable.from_frame(rows(4))
    part = table.take([3, 1])
    assert list(part.task_ids) == ["t3", "t1"]
    np.testing.assert_array_equal(part.quality, table.quality[[3, 1]])
    with pytest.raises(UsageError, match="twice"):
        table.take([1, 1])


def test_concat_keeps_the_first_row_of_a_pair():
    first = OutcomeTable.from_frame(rows(2))
    other = rows(3).assign(quality=0.5)
    both = first.concat(OutcomeTable.from_frame(other))
    np.testing.assert_array_equal(both.quality, [[0, 1], [1, 0], [0.5, 0.5]])


def test_parts_with_other_columns_and_categories_are_one_table(tmp_path):
    first = {"task_id": ["2", "10"], "prompt": ["Two?", "Ten?"], "model": ["a", "a"], "quality": [1.0, 0.0]}
    second = {**first, "model": ["b", "b"], "task_type": pd.Categorical(["word", "number"])}
    for number, part in enumerate((first, second)):
        pd.DataFrame(part).to_parquet(tmp_path / f"part-{number:05}.parquet")
    table = load_outcomes(tmp_path)
    assert [(row.task_id, row.model, row.prompt) for row in table.frame.itertuples()] == [
        ("10", "a", "Ten?"), ("10", "b", "Ten?"), ("2", "a", "Two?"), ("2", "b", "Two?")
    ]  # fmt: skip
    assert table.task_types == ["number", "word"]
    assert table.digest == OutcomeTable.from_frame(table.frame.sample(frac=1.0, random_state=0)).digest


def test_ids_that_are_numbers_in_one_part_and_text_in_the_other_are_the_same_tasks(tmp_path):
    for number, ids in enumerate(([7, 8], ["7", "8"], ["7.0", "8.0"], [7.0, 8.0])):
        rows = {"task_id": ids, "prompt": ["A?", "B?"], "model": f"m{number}", "quality": 1.0}
        pd.DataFrame(rows).to_parquet(tmp_path / f"part-{number:05}.parquet")
    assert list(load_outcomes(tmp_path).task_ids) == ["7", "8"]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_ids_that_are_text_stay_as_they_are(tmp_path, kind):
    rows = pd.DataFrame(
        {"task_id": ["1.0", "1", "1.10"], "prompt": list("abc"), "model": "m", "quality": 1.0}
    )
    path = tmp_path / f"versions.{kind}"
    if kind == "csv":
        rows.to_csv(path, index=False)
    elif kind == "jsonl":
        rows.to_json(path, orient="records", lines=True)
    else:
        rows.to_parquet(path)
    assert list(load_outcomes(path).task_ids) == ["1", "1.0", "1.10"]


def test_ids_that_a_csv_file_holds_as_floats_are_whole_numbers(tmp_path):
    rows = pd.DataFrame({"task_id": [7.0, 8.0], "prompt": list("ab"), "model": "m", "quality": 1.0})
    rows.to_csv(tmp_path / "a.csv", index=False)
    assert list(load_outcomes(tmp_path / "a.csv").task_ids) == ["7", "8"]


def test_a_row_that_breaks_a_rule_comes_with_the_command_that_keeps_the_others(run, tmp_path):
    path = tmp_path / "my table.csv"
    path.write_text(HEADER + "a,p,m,1,0\na,p,n,1,0\nb,q,m,85,0\na,p,m,0,0\nb,q,n,0,0\n")
    with pytest.raises(
        DataError, match=r"line 4: quality is 85.*; or keep the rows that are fine: "
    ) as refused:
        load_outcomes(path)
    words = shlex.split(str(refused.value).partition("fine: pointsman ")[2])
    assert words[:2] == ["import", "outcomes"]
    words[-1] = tmp_path / words[-1]
    assert run(*words)[0] == 0
    assert len(load_outcomes(words[-1]).frame) == 3
    listed = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
    assert [one["line"] for one in listed] == [4, 5]


def test_a_file_that_is_damaged_as_a_whole_offers_no_command(tmp_path):
    rows().to_parquet(tmp_path / "o.parquet")
    whole = (tmp_path / "o.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"cut\.parquet is not a readable Parquet file .*; write it again$"):
        load_outcomes(tmp_path / "cut.parquet")
