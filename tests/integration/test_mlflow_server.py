"""The same records through a real MLflow server."""

import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from mlflow import MlflowClient

from router_training.tracking import open_store

pytestmark = pytest.mark.integration


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2) as reply:
            return reply.status == 200
    except OSError:
        return False


@pytest.fixture
def server(tmp_path, mlflow_database):
    """Run `mlflow server` on a free port of this machine; return its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "server.db").write_bytes(mlflow_database.read_bytes())
    command = [sys.executable, "-P", "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{tmp_path}/server.db"]
    command += ["--artifacts-destination", str(tmp_path / "artifacts")]
    log = (tmp_path / "server.log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while not answers(address):
            assert process.poll() is None and time.monotonic() < deadline, (
                tmp_path / "server.log"
            ).read_text()
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(30)
        log.close()


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
