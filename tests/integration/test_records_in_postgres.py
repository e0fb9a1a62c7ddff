"""MLflow's records in PostgreSQL: behind MLflow's server, written by several gateways at once, and without a server."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from mlflow import MlflowClient

from router_training.contract import UsageError
from router_training.records.champion_pointer import read_pointer
from router_training.tracking import open_store
from tests.faults.fault_server import FaultServer
from tests.integration.servers import mlflow_server, postgres
from tests.integration.test_gateway_process import fetched, process

pytestmark = pytest.mark.integration
GATEWAYS, REQUESTS, RATED = 3, 40, 5
OPEN = "import sys; from router_training.tracking import open_store; print(open_store(sys.argv[1]).experiment_id)"


@pytest.fixture(scope="module")
def database():
    with postgres() as address:
        yield address


@pytest.fixture
def upstream():
    one = FaultServer().start()
    yield one
    one.stop()


def post(url, path, body):
    request = urllib.request.Request(
        f"{url}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def traffic(url, name):
    """Ask a gateway, rate some of its answers by a person, and one by a reference; return the trace ids."""

    def ask(number):
        body = {"model": "auto", "messages": [{"role": "user", "content": f"{name}: what is {number} + 1?"}]}
        return post(url, "/v1/chat/completions", body)["pointsman"]["trace_id"]

    with ThreadPoolExecutor(4) as pool:
        traces = list(pool.map(ask, range(REQUESTS)))
    for trace in traces[:RATED]:
        post(url, "/v1/feedback", {"trace_id": trace, "score": 0.25})
    post(url, "/v1/feedback", {"trace_id": traces[RATED], "grader": "exact", "expected_response": "four"})
    return traces


def collecting(folder, address):
    command = [sys.executable, "-c", "from orchestrator.cli import main; main()", "collect"]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": address}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def collected(*processes):
    for one in processes:
        said, complaint = one.communicate(timeout=300)
        assert one.returncode == 0, said + complaint


def test_several_gateways_write_at_once_and_nothing_is_lost_or_doubled(database, upstream, tmp_path):
    folders = [tmp_path / f"gateway-{number}" for number in range(GATEWAYS)]
    for folder in folders:
        folder.mkdir()
    with mlflow_server(tmp_path, database, workers=2) as address, ExitStack() as running:
        tracked = {"MLFLOW_TRACKING_URI": address, "POINTSMAN_EXPLORE": "0"}
        started = [running.enter_context(process(one, upstream.url, **tracked)) for one in folders]
        with ThreadPoolExecutor(GATEWAYS) as pool:
            asked = pool.map(traffic, [url for url, _ in started], [one.name for one in folders])
            early = [collecting(folder, address) for folder in folders]  # while requests come in
            traces = [trace for part in asked for trace in part]
        collected(*early)
        running.pop_all().close()  # the gateways have stopped
        collected(*(collecting(folder, address) for folder in folders for _ in range(2)))  # two on each spool

        store = open_store(address)
        rows = store.feedback_outcomes()
        assert sorted(row.task_id for row in rows) == sorted(traces), "each request once"
        assert sum(row.label_source == "human" for row in rows) == GATEWAYS * RATED
        assert [row.quality for row in rows if row.label_source == "gold"] == [1.0] * GATEWAYS
        found = MlflowClient(address).search_traces([store.experiment_id], max_results=500)
        assert sorted(trace.info.client_request_id for trace in found) == sorted(traces), "each trace once"
        assert {tuple(sorted(span.name for span in trace.data.spans)) for trace in found} == {
            ("attempt m0", "request", "router", "verifier")
        }
        names = [one.name for trace in found for one in trace.info.assessments]
        assert [names.count(name) for name in ("verifier_confidence", "user_feedback", "gold")] == [
            GATEWAYS * REQUESTS,
            GATEWAYS * RATED,
            GATEWAYS,
        ]
        runs = MlflowClient(address).search_runs([store.experiment_id], "tags.`pointsman.kind` = 'feedback'")
        assert {run.info.status for run in runs} == {"FINISHED"}
    assert not [
        file for folder in folders for file in folder.glob("mlruns/spool/*/*.jsonl") if file.stat().st_size
    ]


def test_a_database_without_a_server_is_opened_by_several_at_once_and_its_champion_serves(
    upstream, tmp_path, two_kinds_policy
):
    two_kinds_policy.save(tmp_path / "policy")
    folder = tmp_path / "gateway"
    folder.mkdir()
    with postgres() as address:
        assert read_pointer(address) is None
        command = [sys.executable, "-P", "-c", OPEN, address]
        first = [
            subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(3)
        ]
        said = [one.communicate(timeout=300) for one in first]
        assert [one.returncode for one in first] == [0, 0, 0], said
        assert len({found for found, _ in said}) == 1, "one experiment"

        store = open_store(address)
        store.promote(store.log_training(tmp_path / "policy").version)
        assert store.champion().path.is_relative_to(folder / "mlruns" / "artifacts")
        tracked = {"MLFLOW_TRACKING_URI": address, "POINTSMAN_RELOAD_S": "0.2"}
        with process(folder, upstream.url, names=("small", "large"), **tracked) as (url, _):
            assert json.loads(fetched(url, "/v1/pointsman/live"))["champion"] == "champion, version 1"
            store.promote(store.log_training(tmp_path / "policy").version)
            until = time.monotonic() + 60
            while json.loads(fetched(url, "/v1/pointsman/live"))["champion"] != "champion, version 2":
                assert time.monotonic() < until
                time.sleep(0.1)
            trace = post(
                url,
                "/v1/chat/completions",
                {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]},
            )
        collected(collecting(folder, address))
        (row,) = [one for one in store.feedback_outcomes() if one.propensity is not None]
        assert row.task_id == trace["pointsman"]["trace_id"]
        (found,) = MlflowClient(address).search_traces([store.experiment_id], "tags.policy_version = '2'")
        assert found.info.client_request_id == row.task_id
    with pytest.raises(UsageError, match="MLflow does not open"):
        open_store(address)  # it is down: said at once
