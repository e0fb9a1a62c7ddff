"""The same records through a real MLflow server."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest
from mlflow import MlflowClient

from router_training.tracking import open_store
from tests.faults.fault_server import FaultServer
from tests.integration.servers import mlflow_server
from tests.integration.test_gateway_process import curl, fetched, process

pytestmark = pytest.mark.integration


@pytest.fixture
def server(tmp_path, mlflow_database):
    """Run `mlflow server` on a free port of this machine; return its address."""
    shutil.copy(mlflow_database, tmp_path / "server.db")
    with mlflow_server(tmp_path) as address:
        yield address


def test_training_requests_and_feedback_go_through_a_server(server, tmp_path, request_record):
    store = open_store(server)
    policy = tmp_path / "policy"
    policy.mkdir()
    (policy / "manifest.json").write_text("{}")
    store.promote(store.log_training(policy, answer_model_dir=policy, metrics={"hull_lift": 0.1}).version)
    records = [request_record(number, attempts=2) for number in range(5)]
    store.log_requests(records)
    store.log_requests(records)

    again = open_store(server)
    assert again.experiment_id == store.experiment_id
    champion = again.champion(tmp_path / "fetched")
    assert (champion.path / "manifest.json").read_text() == "{}"
    assert (champion.answer_model_path / "manifest.json").is_file()
    assert len(again.feedback_outcomes()) == 10
    traces = MlflowClient(server).search_traces([again.experiment_id], "feedback.verifier_confidence > 0.5")
    assert len(traces) == 5
    assert {len(trace.data.spans) for trace in traces} == {6}
    assert {len(trace.info.assessments) for trace in traces} == {1}


def serving_now(url):
    return json.loads(fetched(url, "/v1/pointsman/live"))["champion"]


def becomes(url, champion):
    """Ask until this champion serves; every request meanwhile is answered."""
    body = {"model": "auto", "messages": [{"role": "user", "content": "What is 2 + 2?"}]}
    until = time.monotonic() + 60
    while serving_now(url) != champion:
        assert time.monotonic() < until, serving_now(url)
        assert curl(url, "/v1/chat/completions", body)[0] == 200
    assert curl(url, "/v1/chat/completions", body)[0] == 200


def test_a_gateway_follows_the_champion_of_a_server_and_refuses_a_broken_one(
    server, tmp_path, two_kinds_policy
):
    store, folder = open_store(server), tmp_path / "gateway"
    folder.mkdir()
    two_kinds_policy.save(tmp_path / "policy")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "manifest.json").write_text("{}")
    first, second, third = (
        store.log_training(one, answer_model_dir=None, metrics={"hull_lift": 0.1}).version
        for one in (tmp_path / "policy", tmp_path / "policy", broken)
    )
    store.promote(first)
    upstream = FaultServer().start()
    environment = {"MLFLOW_TRACKING_URI": server, "POINTSMAN_RELOAD_S": "0.2"}
    with process(folder, upstream.url, names=("small", "large"), **environment) as (url, _):
        assert serving_now(url) == f"champion, version {first}"
        store.promote(second)
        becomes(url, f"champion, version {second}")
        command = [sys.executable, "-c", "from orchestrator.cli import main; main()", "rollback"]
        subprocess.run(command, check=True, cwd=folder, env={**os.environ, **environment}, timeout=120)
        becomes(url, f"champion, version {first}")
        store.promote(third)
        until = time.monotonic() + 60
        while 'reloads_total{result="refused",what="router"} 1.0' not in fetched(url, "/metrics"):
            assert time.monotonic() < until
            time.sleep(0.2)
        becomes(url, f"champion, version {first}")
        assert "refused, the old router stays" in (folder / "log").read_text()
    upstream.stop()
