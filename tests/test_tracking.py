"""What MLflow keeps of trainings and requests, and what comes back."""

import multiprocessing
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mlflow import MlflowClient

from orchestrator.collecting import drain
from orchestrator.feedback import Spool
from orchestrator.rating import rated
from router_training.contract import DataError, UsageError
from router_training.tracking import open_store

START = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def policy_dir(tmp_path):
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    return folder


def traces(store):
    client = MlflowClient(store.uri)
    return {trace.info.client_request_id: trace for trace in client.search_traces([store.experiment_id])}


def test_a_training_run_keeps_parameters_metrics_figures_and_digest(store, policy_dir, tmp_path):
    figure, report = tmp_path / "curve.png", tmp_path / "evaluation.json"
    figure.write_bytes(b"png")
    report.write_text("{}")
    run = store.log_training(
        policy_dir,
        params={"seed": 0, "models (odd*name)": "a, b"},
        metrics={f"accuracy/model {i}": i / 200 for i in range(150)},
        figures=[figure],
        reports=[report],
        data_digest="d" * 64,
        tags={"source": "test"},
    )
    kept = MlflowClient(store.uri).get_run(run.run_id)
    assert kept.info.status == "FINISHED"
    assert kept.data.params == {"seed": "0", "models _odd_name_": "a, b"}
    assert kept.data.metrics["accuracy/model 149"] == 149 / 200 and len(kept.data.metrics) == 150
    assert kept.data.tags["data_digest"] == "d" * 64 and kept.data.tags["source"] == "test"
    assert kept.inputs.dataset_inputs[0].dataset.digest == "d" * 36
    listed = {
        entry.path
        for folder in ("figures", "reports")
        for entry in MlflowClient(store.uri).list_artifacts(run.run_id, folder)
    }
    assert listed == {"figures/curve.png", "reports/evaluation.json"}


def test_a_judgement_is_a_run_with_the_metrics_that_training_has(store, tmp_path):
    page = tmp_path / "report.html"
    page.write_text("<!doctype html>")
    run_id = store.log_evaluation(metrics={"lift": 0.05}, params={"router": "x"}, reports=[page])
    kept = MlflowClient(store.uri).get_run(run_id)
    assert (kept.data.metrics, kept.data.params) == ({"lift": 0.05}, {"router": "x"})
    assert kept.data.tags["pointsman.kind"] == "evaluation"
    assert [entry.path for entry in MlflowClient(store.uri).list_artifacts(run_id, "reports")] == [
        "reports/report.html"
    ]


def test_a_folder_without_files_is_not_registered(store, tmp_path):
    with pytest.raises(UsageError, match="nowhere holds no files"):
        store.log_training(tmp_path / "nowhere")
    assert MlflowClient(store.uri).search_runs([store.experiment_id]) == []


def test_a_run_that_raises_ends_as_failed(store, policy_dir, tmp_path):
    with pytest.raises(OSError, match="absent"):
        store.log_training(policy_dir, figures=[tmp_path / "absent.png"])
    runs = MlflowClient(store.uri).search_runs([store.experiment_id])
    assert [run.info.status for run in runs] == ["FAILED"]


def test_a_registered_policy_serves_only_once_it_is_promoted(store, policy_dir):
    assert store.champion() is None
    first = store.log_training(policy_dir)
    assert store.champion() is None
    store.promote(first.version)
    champion = store.champion()
    assert (champion.version, champion.run_id) == (first.version, first.run_id)
    assert (champion.path / "manifest.json").read_text() == "{}"
    assert champion.answer_model_path is None


def test_promotion_remembers_who_served_before(store, policy_dir):
    first, second = (store.log_training(policy_dir, answer_model_dir=policy_dir) for _ in range(2))
    store.promote(first.version)
    store.promote(second.version)
    store.promote(second.version)
    aliases = MlflowClient(store.uri).get_registered_model("router").aliases
    assert {alias: str(version) for alias, version in aliases.items()} == {
        "champion": second.version,
        "previous": first.version,
    }
    assert (store.champion().answer_model_path / "manifest.json").is_file()


def test_a_champion_whose_files_are_gone_is_a_data_error(store, policy_dir):
    store.promote(store.log_training(policy_dir).version)
    shutil.rmtree(store.champion().path.parent)
    with pytest.raises(DataError, match=r"files of router version 1 cannot be read .*; train it again"):
        store.champion()


def test_the_champion_is_fetched_where_asked(store, policy_dir, tmp_path):
    store.promote(store.log_training(policy_dir).version)
    (tmp_path / "fetched").mkdir()
    champion = store.champion(tmp_path / "fetched")
    assert champion.path.is_relative_to(tmp_path / "fetched")
    assert (champion.path / "manifest.json").is_file()


def test_records_survive_a_change_of_folder(
    monkeypatch, tmp_path, mlflow_database, policy_dir, request_record
):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    home = tmp_path / "home"
    (home / "mlruns").mkdir(parents=True)
    shutil.copy(mlflow_database, home / "mlruns" / "mlflow.db")
    monkeypatch.chdir(home)
    store = open_store()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.promote(store.log_training(policy_dir).version)
    store.log_requests([request_record()])
    assert store.champion().path.is_relative_to(home / "mlruns" / "artifacts")
    assert len(store.feedback_outcomes()) == 1
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_request_becomes_a_trace_with_a_span_per_step(store, request_record):
    store.log_requests([request_record(attempts=2)])
    (trace,) = traces(store).values()
    spans = trace.data.spans
    assert [span.name for span in spans] == [
        "request",
        "router",
        "attempt small",
        "verifier",
        "attempt large",
        "verifier",
    ]
    root = spans[0]
    assert root.parent_id is None and all(span.parent_id == root.span_id for span in spans[1:])
    assert root.inputs == {"input": "What is 0 + 1?", "task_type": "arithmetic"}
    assert root.get_attribute("price_digest") == "p" * 64
    assert spans[1].get_attribute("propensity") == 0.99
    assert spans[1].get_attribute("forecasts")[0] == {
        "model": "small",
        "p_success": 0.6,
        "usd": 0.001,
        "latency_s": None,
        "novelty": 0.1,
        "usd_high": None,
        "latency_high_s": None,
        "task_type": None,
    }
    assert spans[4].get_attribute("mlflow.chat.tokenUsage") == {
        "input_tokens": 12,
        "output_tokens": 3,
        "total_tokens": 15,
    }
    assert trace.info.tags["escalated"] == "true" and trace.info.tags["strategy"] == "cascade"


def test_span_times_are_the_recorded_latencies(store, request_record):
    store.log_requests([request_record(attempts=2)])
    (trace,) = traces(store).values()
    assert trace.info.request_time == int(START.timestamp() * 1000) - 4000
    assert trace.info.execution_duration == 4000
    seconds = [(span.end_time_ns - span.start_time_ns) / 1e9 for span in trace.data.spans]
    assert seconds == [4.0, 0.0, 1.5, 0.5, 1.5, 0.5]
    assert trace.data.spans[4].start_time_ns == trace.data.spans[3].end_time_ns
    assert trace.data.spans[5].end_time_ns == trace.data.spans[0].end_time_ns == START.timestamp() * 1e9


def test_the_verifiers_word_is_an_assessment_that_search_finds(store, request_record):
    store.log_requests([request_record(0), request_record(1, confidence=0.2)])
    client = MlflowClient(store.uri)
    (doubtful,) = client.search_traces([store.experiment_id], "feedback.verifier_confidence < 0.5")
    (word,) = doubtful.info.assessments
    assert (word.name, word.feedback.value, word.source.source_type) == ("verifier_confidence", 0.2, "CODE")
    assert word.rationale == "a number was asked and given"


def test_a_failed_call_marks_its_span_and_teaches_no_quality(store, request_record):
    store.log_requests([request_record(error="timed out")])
    (trace,) = traces(store).values()
    assert trace.info.state == "ERROR" and trace.info.assessments == []
    assert trace.data.spans[2].status.status_code == "ERROR"
    (outcome,) = store.feedback_outcomes()
    assert outcome.quality is None and outcome.error == "timed out"


def test_every_attempt_comes_back_as_an_outcome(store, request_record):
    store.log_requests([request_record(attempts=2)])
    small, large = sorted(store.feedback_outcomes(), key=lambda outcome: outcome.quality)
    assert (small.model, small.quality, small.propensity) == ("small", 0.25, 0.99)
    assert (large.model, large.quality, large.propensity) == ("large", 0.75, None)
    assert large.prompt == "What is 0 + 1?" and large.response == "answer 0"
    assert (large.cost_usd, large.prompt_tokens, large.completion_tokens) == (0.001, 12, 3)
    assert large.label_source == "verifier" and large.task_id == f"{0:032x}"


def test_shipping_requests_twice_duplicates_nothing(store, request_record):
    records = [request_record(number, attempts=2) for number in range(3)]
    store.log_requests(records)
    store.log_requests(records)
    assert len(store.feedback_outcomes()) == 6
    kept = traces(store)
    assert len(kept) == 3
    assert {len(trace.data.spans) for trace in kept.values()} == {6}
    assert {len(trace.info.assessments) for trace in kept.values()} == {1}


def test_feedback_is_read_from_a_moment_on(store, request_record):
    store.log_requests([request_record(number) for number in range(4)])
    since = START + timedelta(minutes=2)
    assert [outcome.task_id for outcome in store.feedback_outcomes(since)] == [f"{n:032x}" for n in (2, 3)]
    assert store.feedback_outcomes(since.isoformat()) == store.feedback_outcomes(since)


def test_above_the_limit_escalated_and_failed_requests_keep_their_traces(store, request_record):
    quiet = [request_record(number) for number in range(8)]
    loud = [request_record(8, attempts=2), request_record(9, error="refused")]
    store.log_requests(quiet + loud, trace_limit=5)
    kept = traces(store)
    assert len(kept) == 5 and {record.trace_id for record in loud} <= set(kept)
    assert len(store.feedback_outcomes()) == 11


def test_nothing_to_log_makes_no_run(store):
    assert store.log_requests([]) is None
    assert store.feedback_outcomes() == []


def test_a_long_prompt_and_a_strange_trace_id_are_kept(store, request_record):
    store.log_requests([request_record(prompt="ü" * 200_000, trace_id="order 17/ü")])
    (trace,) = traces(store).values()
    assert trace.info.client_request_id == "order 17/ü"
    assert len(trace.data.spans[0].inputs["input"]) == 200_000
    assert store.feedback_outcomes()[0].prompt == "ü" * 200_000


@pytest.mark.parametrize("uri", ["./records", "nonsense://there"])
def test_an_address_that_mlflow_does_not_open_is_a_usage_error(uri, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"MLflow does not open .*sqlite:///FILE\.db"):
        open_store(uri)


def test_a_file_that_is_no_database_is_a_usage_error(tmp_path):
    (tmp_path / "mlflow.db").write_text("this is no database " * 100)
    with pytest.raises(UsageError, match="a file of another kind; give sqlite"):
        open_store(f"sqlite:///{tmp_path}/mlflow.db")


def test_first_use_prints_nothing(tmp_path):
    program = "from router_training.tracking import open_store; open_store()"
    place = os.environ | {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/new/mlflow.db"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True, env=place
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert Path(tmp_path, "new", "mlflow.db").is_file()


@pytest.mark.slow
def test_processes_that_open_new_records_at_once_all_succeed(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=open_store, args=(uri,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]


def test_what_a_person_said_is_an_assessment_of_its_own_and_comes_after_the_verifiers(store, request_record):
    record = request_record(0)
    store.log_requests([record])
    store.log_requests([rated(record, 0.0, "wrong town")])
    (trace,) = MlflowClient(store.uri).search_traces([store.experiment_id])
    found = {one.name: one for one in trace.info.assessments}
    assert found["user_feedback"].value == 0.0 and found["user_feedback"].source.source_type == "HUMAN"
    assert found["user_feedback"].rationale == "wrong town"
    assert MlflowClient(store.uri).search_traces([store.experiment_id], "feedback.user_feedback < 0.5")
    (outcome,) = store.feedback_outcomes()
    assert (outcome.quality, outcome.label_source) == (0.0, "human")


def test_where_many_wait_a_sample_is_traced_and_all_that_people_rated(
    store, request_record, tmp_path, monkeypatch
):
    monkeypatch.setattr("orchestrator.collecting.BUSY", 60)
    with Spool(tmp_path / "spool") as spool:
        for number in range(80):
            record = request_record(number)
            spool(rated(record, 1.0, "") if number in (3, 70) else record)
        assert drain(spool, store) == 80
    traces = MlflowClient(store.uri).search_traces([store.experiment_id], max_results=100)
    assert len(traces) == 25 and len(store.feedback_outcomes()) == 80
    assert {request_record(3).trace_id, request_record(70).trace_id} <= {
        one.info.client_request_id for one in traces
    }
