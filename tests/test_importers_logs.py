"""Formats that are logs or JSON: a small file as that project writes it becomes the outcomes it says, broken lines apart."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from router_training import importers
from router_training.contract import UsageError
from router_training.importing.cells import Choices
from tests.imported import imported, lines, rejections


def test_preferences_become_one_row_per_side_and_ties_are_worth_half(tmp_path):
    path = tmp_path / "pairs.json"
    chat = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
    path.write_text(
        json.dumps(
            [
                {"model_a": "x", "model_b": "y", "winner": "model_b", "prompt": "Who?"},
                {"model_a": "x", "model_b": "y", "winner": "tie", "conversation_a": chat},
                {"model_a": "x", "model_b": "y", "winner": "tie (bothbad)", "prompt": "How?"},
                {"model_a": "x", "model_b": "y", "winner": "nobody", "prompt": "When?"},
                {"model_a": "x", "model_b": "y", "winner": "model_a", "idx": 7},
            ]
        )
    )
    rows, found = imported("routellm-preferences", path, tmp_path)
    assert [rows[key]["quality"] for key in (("Who?", "x"), ("Who?", "y"))] == [0.0, 1.0]
    assert rows["Why?", "x"]["response"] == "So." and rows["Why?", "y"]["quality"] == 0.5
    assert rows["How?", "x"]["quality"] == 0.0 and rows["How?", "x"]["label_source"] == "human"
    assert [one["record"] for one in rejections(found)] == [4, 5, 5]


def test_preferences_that_name_prompts_by_number_take_them_from_a_list(tmp_path):
    path, prompts = tmp_path / "pairs.json", tmp_path / "prompts.json"
    path.write_text(json.dumps([{"model_a": "x", "model_b": "y", "winner": "model_a", "idx": 1}]))
    prompts.write_text(json.dumps(["first", "second"]))
    rows, _ = imported("routellm-preferences", path, tmp_path, prompts=prompts)
    assert set(rows) == {("second", "x"), ("second", "y")}


def test_in_llmrouter_a_failed_call_is_missing_though_its_performance_says_zero(tmp_path):
    path = tmp_path / "routing.jsonl"
    row = {
        "task_name": "gsm8k",
        "query": "2+2?",
        "ground_truth": "4",
        "metric": "GSM8K",
        "embedding_id": 4,
        "token_num": 9,
    }
    path.write_text(
        lines(
            row
            | {"model_name": "a", "response": "4", "performance": 1.0, "input_tokens": 7, "output_tokens": 2},
            row | {"model_name": "b", "response": "ERROR: rate limit", "performance": 0.0, "input_tokens": 0},
            row | {"model_name": "c", "response": "5", "performance": 0.0},
        )
    )
    rows, found = imported("llmrouter", path, tmp_path)
    assert rows["2+2?", "b"]["quality"] is None and rows["2+2?", "b"]["error"] == "ERROR: rate limit"
    assert rows["2+2?", "b"]["response"] is None and rows["2+2?", "c"]["quality"] == 0.0
    assert rows["2+2?", "a"]["completion_tokens"] == 2 and rows["2+2?", "a"]["reference"] == "4"
    assert len({row["task_id"] for row in rows.values()}) == 1 and dict(found.errors) == {
        "ERROR: rate limit": 1
    }


def bench(model, scores, **more):
    records = [
        {
            "index": i,
            "origin_query": f"question {i}",
            "prompt": f"Answer: question {i}",
            "prompt_tokens": 5,
            "completion_tokens": 6,
            "cost": 0.5,
            "score": score,
            "prediction": "p",
            "ground_truth": "g",
            "raw_output": "long",
            "extra_fields": {},
        }
        for i, score in enumerate(scores)
    ]
    return {
        "model_name": model,
        "dataset_name": "aime",
        "split": "test",
        "demo": False,
        "records": records,
    } | more


def test_a_folder_of_llmrouterbench_joins_the_models_by_data_set_and_index(tmp_path):
    folder = tmp_path / "bench"
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps(bench("a", [1.0, None]), indent=2))
    (folder / "b.json").write_text(json.dumps(bench("b", [0.0, 1.0])))
    (folder / "demo.json").write_text(json.dumps(bench("c", [1.0], demo=True)))
    (folder / "torn.json").write_text(json.dumps(bench("d", [1.0]), indent=2)[:200])
    (folder / "other.json").write_text("{}")
    rows, found = imported("llmrouterbench", folder, tmp_path)
    assert {row["task_id"] for row in rows.values()} == {"aime/test/0", "aime/test/1"}
    assert rows["question 1", "a"]["quality"] is None and rows["question 1", "a"]["error"] is None
    assert rows["question 1", "b"]["cost_usd"] == 0.5 and set(found.models) == {"a", "b"}
    assert [one["file"].rpartition("/")[2] for one in rejections(found)] == ["other.json", "torn.json"]


def test_routerarena_reads_graded_predictions_and_cached_answers(tmp_path):
    folder = tmp_path / "arena"
    folder.mkdir()
    result = {
        "generated_answer": "B",
        "success": True,
        "token_usage": {"input_tokens": 3, "output_tokens": 1},
    }
    (folder / "graded.json").write_text(
        json.dumps(
            [
                {
                    "global index": "A_1",
                    "prompt": "Q1",
                    "prediction": "m",
                    "generated_result": result,
                    "cost": 0.1,
                    "accuracy": 1.0,
                },
                {
                    "global index": "A_2",
                    "prompt": "Q2",
                    "prediction": "m",
                    "generated_result": None,
                    "cost": None,
                    "accuracy": None,
                },
            ]
        )
    )
    failed = {"generated_answer": "", "success": False, "error": "timed out", "evaluation_result": None}
    (folder / "cache.jsonl").write_text(
        lines(
            {
                "global_index": "A_1",
                "question": "Q1",
                "llm_selected": "n",
                "evaluation_result": {"score": 0.5, "inference_cost": 0.2},
            }
            | result,
            {"global_index": "A_2", "question": "Q2", "llm_selected": "n"} | failed,
        )
    )
    rows, _ = imported("routerarena", folder, tmp_path)
    assert (rows["Q1", "m"]["quality"], rows["Q1", "m"]["cost_usd"], rows["Q1", "m"]["response"]) == (
        1.0,
        0.1,
        "B",
    )
    assert (rows["Q1", "n"]["quality"], rows["Q1", "n"]["cost_usd"]) == (0.5, 0.2)
    assert rows["Q2", "m"]["quality"] is None and rows["Q2", "n"]["error"] == "timed out"


def test_semantic_router_lines_are_graded_answers_with_seconds(tmp_path):
    path = tmp_path / "bench.jsonl"
    path.write_text(
        lines(
            {"query": "Q", "category": "math", "model_name": "m", "performance": 0.85, "response_time": 1.25}
        )
    )
    rows, _ = imported("semantic-router", path, tmp_path)
    assert (rows["Q", "m"]["quality"], rows["Q", "m"]["latency_s"], rows["Q", "m"]["task_type"]) == (
        0.85,
        1.25,
        "math",
    )


def batch_line(name, **response):
    return {"id": f"b-{name}", "custom_id": name, "response": response, "error": None}


def test_an_openai_batch_joins_answers_with_their_prompts_and_failures_are_missing(tmp_path):
    folder = tmp_path / "batch"
    folder.mkdir()

    def ask(name, model, text):
        body = {
            "model": model,
            "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": text}],
        }
        return {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body}

    body = {
        "model": "gpt-4o",
        "created": 0,
        "choices": [{"message": {"role": "assistant", "content": "Paris"}}],
    }
    (folder / "input.jsonl").write_text(
        lines(ask("1", "gpt-4o", "France?"), ask("2", "gpt-4o", "Spain?"), ask("3", "o1", "France?"))
    )
    spoken = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Paris!"}]}
    (folder / "output.jsonl").write_text(
        lines(
            batch_line(
                "1", status_code=200, body=body | {"usage": {"prompt_tokens": 8, "completion_tokens": 1}}
            ),
            batch_line("2", status_code=429, body={"error": {"message": "slow down"}}),
            batch_line("3", status_code=200, body={"model": "o1", "output": [{"type": "reasoning"}, spoken]}),
            batch_line("unasked", status_code=200, body=body),
        )
    )
    rows, found = imported("openai-batch", folder, tmp_path)
    assert (
        rows["France?", "gpt-4o"]["response"] == "Paris" and rows["France?", "gpt-4o"]["prompt_tokens"] == 8
    )
    assert rows["France?", "o1"]["response"] == "Paris!"
    assert rows["France?", "o1"]["task_id"] == rows["France?", "gpt-4o"]["task_id"]
    assert rows["Spain?", "gpt-4o"]["error"] == "slow down (HTTP 429)" and found.n_graded == 0
    assert rejections(found)[0]["line"] == 4


def test_a_batch_calls_models_as_the_requests_do_whatever_snapshot_answered(tmp_path):
    folder = tmp_path / "batch"
    folder.mkdir()
    body = {"messages": [{"role": "user", "content": "Hi"}]}
    asked = [
        {"custom_id": "1", "method": "POST", "body": body | {"model": name}}
        for name in ("gpt-4o", "gpt-4o-mini")
    ]
    (folder / "input.jsonl").write_text(
        lines(*asked, {"custom_id": "2", "method": "POST", "body": {"model": "gpt-4o", "prompt": "Ho"}})
    )
    said = {"choices": [{"message": {"role": "assistant", "content": "x"}}]}
    expired = {"code": "batch_expired", "message": "This request could not be executed before it expired."}
    (folder / "output.jsonl").write_text(
        lines(
            batch_line("1", status_code=200, body=said | {"model": "gpt-4o-2024-08-06"}),
            batch_line("1", status_code=200, body=said | {"model": "gpt-4o-mini-2024-07-18"}),
            {"id": "b", "custom_id": "2", "response": None, "error": expired},
            {"id": "b", "custom_id": "1", "response": None, "error": expired},
        )
    )
    rows, found = imported("openai-batch", folder, tmp_path)
    assert set(rows) == {("Hi", "gpt-4o"), ("Hi", "gpt-4o-mini"), ("Ho", "gpt-4o")}
    assert "expired" in rows["Ho", "gpt-4o"]["error"]
    assert rejections(found)[0]["reason"] == "the model has no name"  # either may have expired


def test_litellm_rows_without_a_prompt_are_rejected_and_embeddings_passed_over(tmp_path):
    path = tmp_path / "spend.jsonl"
    row = {"model": "m", "status": "success", "call_type": "acompletion", "response": "Ho"}
    request = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    hidden = [{"role": "user", "content": "redacted-by-litellm"}]
    path.write_text(
        lines(
            row | {"messages": {}, "proxy_server_request": request},
            row | {"messages": "{}", "proxy_server_request": "{}"},
            row | {"messages": hidden},
            row | {"call_type": "aembedding", "messages": "text to embed"},
        )
    )
    rows, found = imported("litellm", path, tmp_path)
    assert set(rows) == {("Hi", "m")}
    assert [one["line"] for one in rejections(found)] == [2, 3]
    assert "store_prompts_in_spend_logs" in rejections(found)[0]["reason"]


def test_langfuse_counts_an_observation_once_measures_its_time_and_reads_names_of_categories(tmp_path):
    folder = tmp_path / "export"
    seen = {
        "id": "o1",
        "trace_id": "t",
        "type": "GENERATION",
        "input": "Hi",
        "provided_model_name": "a",
        "output": "x",
    }
    timed = {
        "start_time": "2026-05-29 13:46:19.500000",
        "end_time": "2026-05-29 13:46:20.000000",
        "latency": 500,
    }
    score = {
        "trace_id": "t",
        "name": "right",
        "value": 1,
        "data_type": "CATEGORICAL",
        "string_value": "incorrect",
    }
    for name in ("observations", "observations_v2", "scores"):
        (folder / name).mkdir(parents=True)
        (folder / name / "1.jsonl").write_text(lines(score if name == "scores" else seen | timed))
    rows, found = imported("langfuse", folder, tmp_path)
    assert (rows["Hi", "a"]["quality"], rows["Hi", "a"]["latency_s"]) == (0.0, 0.5)
    assert found.n_outcomes == 1


def test_litellm_logs_keep_cost_and_latency_unless_the_answer_came_from_a_cache(tmp_path):
    path = tmp_path / "litellm.jsonl"
    row = {
        "model": "gpt-4o",
        "model_group": "strong",
        "messages": [{"role": "user", "content": "Hi"}],
        "prompt_tokens": 2,
    }
    answer = {"choices": [{"message": {"role": "assistant", "content": "Ho"}}]}
    path.write_text(
        lines(
            row
            | {
                "status": "success",
                "response": answer,
                "response_cost": 0.01,
                "startTime": 100.0,
                "endTime": 101.5,
            },
            row
            | {
                "status": "success",
                "response": answer,
                "spend": 0.02,
                "cache_hit": "True",
                "model_group": "cached",
            },
            row | {"status": "failure", "error_str": "boom", "model_group": "down", "response": None},
        )
    )
    rows, _ = imported("litellm", path, tmp_path)
    assert (
        rows["Hi", "strong"]["cost_usd"],
        rows["Hi", "strong"]["latency_s"],
        rows["Hi", "strong"]["response"],
    ) == (0.01, 1.5, "Ho")
    assert rows["Hi", "cached"]["cost_usd"] is None and rows["Hi", "cached"]["response"] == "Ho"
    assert rows["Hi", "down"]["error"] == "boom"


def test_langfuse_reads_an_observation_whose_id_is_no_text(tmp_path):
    seen = {"id": ["o"], "trace_id": "t", "type": "GENERATION", "input": "Q", "model": "m", "output": "r"}
    (tmp_path / "export.jsonl").write_text(lines(seen) + "\n" + lines(seen))
    _, found = imported("langfuse", tmp_path / "export.jsonl", tmp_path)
    assert found.n_outcomes == 1


def test_langfuse_joins_observations_with_the_score_that_is_named(tmp_path):
    folder = tmp_path / "langfuse"
    folder.mkdir()
    seen = {"trace_id": "t", "type": "GENERATION", "input": json.dumps([{"role": "user", "content": "Hi"}])}
    (folder / "observations.jsonl").write_text(
        lines(
            seen
            | {
                "id": "o1",
                "provided_model_name": "a",
                "output": "x",
                "usage_details": {"input": 3},
                "latency": 0.5,
            },
            seen | {"id": "o2", "provided_model_name": "b", "level": "ERROR", "status_message": "down"},
            seen | {"id": "o3", "type": "SPAN"},
            {
                "id": "o4",
                "traceId": "u",
                "type": "GENERATION",
                "input": "Ho",
                "model": "a",
                "output": "y",
                "costDetails": {"total": 1},
            },
        )
    )
    (folder / "scores.jsonl").write_text(
        lines(
            {
                "id": "s1",
                "trace_id": "t",
                "observation_id": "o1",
                "name": "right",
                "value": 1,
                "source": "ANNOTATION",
            },
            {
                "id": "s2",
                "trace_id": "u",
                "observation_id": None,
                "name": "right",
                "value": 0.5,
                "source": "EVAL",
            },
            {
                "id": "s3",
                "trace_id": "u",
                "observation_id": None,
                "name": "polite",
                "value": 0,
                "source": "API",
            },
        )
    )
    rows, _ = imported("langfuse", folder, tmp_path, score="right")
    assert (
        rows["Hi", "a"]["quality"],
        rows["Hi", "a"]["label_source"],
        rows["Hi", "a"]["prompt_tokens"],
    ) == (1.0, "human", 3)
    assert (rows["Ho", "a"]["quality"], rows["Ho", "a"]["label_source"], rows["Ho", "a"]["cost_usd"]) == (
        0.5,
        "judge",
        1.0,
    )
    assert rows["Hi", "b"]["error"] == "down" and rows["Hi", "b"]["quality"] is None
    with pytest.raises(UsageError, match="polite, right"):
        list(importers.load("langfuse")(folder, Choices()))


TRACED = """
import mlflow
with mlflow.start_span("chat", span_type="CHAT_MODEL") as span:
    span.set_inputs({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hi?"}]})
    span.set_outputs({"choices": [{"message": {"role": "assistant", "content": "Ho"}}]})
    span.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5})
mlflow.flush_trace_async_logging()
source = mlflow.entities.AssessmentSource(source_type="HUMAN", source_id="me")
mlflow.log_feedback(trace_id=span.trace_id, name="right", value=True, source=source)
print(mlflow.get_trace(span.trace_id).to_json())
"""


@pytest.mark.integration
def test_a_trace_as_mlflow_writes_it_is_read_with_its_assessment(tmp_path, mlflow_database):
    where = {"MLFLOW_TRACKING_URI": f"sqlite:///{shutil.copy(mlflow_database, tmp_path / 'traces.db')}"}
    # MLflow leaves the experiment of a test before this one in the environment
    done = subprocess.run(
        [sys.executable, "-P", "-c", TRACED],
        capture_output=True,
        cwd=tmp_path,
        env={name: told for name, told in os.environ.items() if not name.startswith("MLFLOW_")} | where,
        check=True,
    )
    path = tmp_path / "traces.jsonl"
    path.write_bytes(done.stdout)
    rows, _ = imported("mlflow-traces", path, tmp_path)
    row = rows["Hi?", "gpt-4o-mini"]
    assert (row["response"], row["quality"], row["label_source"]) == ("Ho", 1.0, "human")
    assert row["completion_tokens"] == 2 and row["error"] is None


def trace(*models, grades=(), failed=False):
    spans = [
        {
            "start_time_unix_nano": 1_000_000_000,
            "end_time_unix_nano": 1_250_000_000,
            "status": {
                "code": "STATUS_CODE_ERROR" if failed else "STATUS_CODE_OK",
                "message": "down" if failed else "",
            },
            "attributes": {
                "mlflow.spanType": '"CHAT_MODEL"',
                "mlflow.spanInputs": json.dumps({"messages": [{"role": "user", "content": "Hi?"}]}),
                "mlflow.spanOutputs": json.dumps(
                    {"choices": [{"message": {"role": "assistant", "content": "Ho"}}]}
                ),
                "mlflow.llm.model": json.dumps(model),
            },
        }
        for model in models
    ]
    assessments = [
        {"assessment_name": name, "source": {"source_type": "LLM_JUDGE"}, "feedback": {"value": value}}
        for name, value in grades
    ]
    return {
        "info": {"request_time": "2026-01-01T00:00:00Z", "assessments": assessments},
        "data": {"spans": spans},
    }


def test_a_trace_of_several_models_is_not_graded_and_one_without_a_model_is_rejected(tmp_path):
    path = tmp_path / "traces.jsonl"
    path.write_text(
        lines(
            trace("a", grades=[("right", False)]),
            trace("b", "c", grades=[("right", True)]),
            trace("d", failed=True),
            trace(),
        )
    )
    rows, found = imported("mlflow-traces", path, tmp_path)
    assert [rows["Hi?", name]["quality"] for name in "abcd"] == [0.0, None, None, None]
    assert rows["Hi?", "a"]["label_source"] == "judge" and rows["Hi?", "a"]["latency_s"] == 0.25
    assert rows["Hi?", "d"]["error"] == "down" and rejections(found)[0]["line"] == 4


GOOD_LINES = {
    "llmrouter": {"query": "Q", "model_name": "m", "performance": 1, "response": "r", "task_name": "t"},
    "semantic-router": {"query": "Q", "model_name": "m", "performance": 1},
    "routerarena": {
        "global_index": "1",
        "question": "Q",
        "llm_selected": "m",
        "generated_answer": "a",
        "success": True,
    },
    "litellm": {
        "model": "m",
        "messages": [{"role": "user", "content": "Q"}],
        "response": "r",
        "status": "success",
    },
    "langfuse": {"id": "o", "trace_id": "t", "type": "GENERATION", "input": "Q", "model": "m", "output": "r"},
    "mlflow-traces": trace("m"),
    "routellm-preferences": {"model_a": "m", "model_b": "n", "winner": "tie", "prompt": "Q"},
    "sprout": {"prompt": "Q", "m": {"score": 1.0, "num_input_tokens": 1, "num_output_tokens": 1}},
}


@pytest.mark.parametrize("name", GOOD_LINES)
def test_a_line_that_is_broken_costs_only_itself(tmp_path, name):
    path = tmp_path / "log.jsonl"
    good = json.dumps(GOOD_LINES[name])
    path.write_bytes(f"[1]\n{good}\n".encode() + b'{"q": "caf\xe9"}\n' + b'{"cut": "of')
    rows, found = imported(name, path, tmp_path)
    assert next(model for _, model in rows) == "m"
    assert [one["line"] for one in rejections(found)] == [1, 3, 4]
    assert "0xe9 is not UTF-8" in rejections(found)[1]["reason"]
