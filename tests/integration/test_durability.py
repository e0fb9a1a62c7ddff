"""What was spooled reaches a real MLflow server once: through kill -9 in the middle, and a server that goes away."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest
from mlflow import MlflowClient

from orchestrator.collecting import drain
from orchestrator.feedback import OPEN, SEALED, Spool
from router_training.contract import UsageError
from router_training.tracking import open_store

pytestmark = pytest.mark.integration
REQUESTS = 240
CARRIER = """
import sys
from pathlib import Path
from orchestrator.collecting import drain_sealed
from router_training.tracking import open_store
store = open_store(sys.argv[2])
print("open", flush=True)
drain_sealed(Path(sys.argv[1]), store, trace_limit=20)
print("done", flush=True)
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def server(folder, port):
    """Run `mlflow server` over the records in `folder`."""
    command = [sys.executable, "-P", "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/server.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    log = (folder / "server.log").open("ab")
    process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 200
    try:
        while True:
            try:
                with urllib.request.urlopen(f"{address}/health", timeout=2):
                    break
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.3)
        yield address
    finally:
        process.terminate()
        process.wait(60)
        log.close()


def carrier(spool, address):
    """Start a process that carries the sealed files; return it once it has opened the records."""
    process = subprocess.Popen(
        [sys.executable, "-c", CARRIER, str(spool), address], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "open\n"
    return process


def test_nothing_is_lost_or_doubled(tmp_path, mlflow_database, request_record):
    (tmp_path / "server.db").write_bytes(mlflow_database.read_bytes())
    port, folder = free_port(), tmp_path / "spool"
    with Spool(folder) as spool:
        for number in range(REQUESTS):
            spool(request_record(number, attempts=2 if number % 50 == 0 else 1))
            if number % 40 == 39:
                spool.seal()

    with server(tmp_path, port) as address:
        for wait_s in (0.15, 0.6):  # in the middle of a file, and again
            process = carrier(folder, address)
            time.sleep(wait_s)
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=30)
    waiting = list(folder.glob(SEALED))
    assert waiting, "the carrier was killed before it was done"
    with pytest.raises(UsageError):
        open_store(address)  # the server is down: said in a sentence, and nothing is touched
    assert sorted(waiting) == sorted(folder.glob(SEALED))

    with server(tmp_path, port) as address:
        store = open_store(address)
        with Spool(folder) as spool:
            spool(request_record(REQUESTS))
            drain(spool, store, trace_limit=20)
        assert not list(folder.glob(SEALED)) and (folder / OPEN).stat().st_size == 0
        outcomes = store.feedback_outcomes()
        numbers = [int(outcome.task_id, 16) for outcome in outcomes if outcome.model == "small"]
        assert sorted(numbers) == list(range(REQUESTS + 1)), "each request once"
        assert len(outcomes) == REQUESTS + 1 + len(range(0, REQUESTS, 50))
        traces = MlflowClient(address).search_traces([store.experiment_id], max_results=500)
        ids = [trace.info.client_request_id for trace in traces]
        assert len(ids) == len(set(ids)), "each trace once"
        escalated = {request_record(number).trace_id for number in range(0, REQUESTS, 50)}
        assert escalated <= set(ids), "escalations are always traced"


def said(process, words, lines):
    """Read what a process prints until a line has these words."""
    while not (lines and words in lines[-1]):
        line = process.stdout.readline()
        assert line, lines
        lines.append(line)


def test_the_collector_waits_while_the_server_is_away_twice_and_carries_everything_once(
    tmp_path, mlflow_database, request_record
):
    (tmp_path / "server.db").write_bytes(mlflow_database.read_bytes())
    port, parent = free_port(), tmp_path / "spool"
    address = f"http://127.0.0.1:{port}"
    gateway = Spool(parent / "0")  # a gateway that runs: its folder is its own
    for number in range(30):
        gateway(request_record(number))
    gateway.seal()
    command = [sys.executable, "-uc", "from orchestrator.cli import main; main()", "collect", "--every", "1"]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": address, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    collector = subprocess.Popen(
        [*command, "--spool", str(parent)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment,
    )
    lines = []
    try:
        said(collector, "nothing carried, again in 2 s", lines)
        with server(tmp_path, port):
            said(collector, "30 requests carried", lines)
        for number in range(30, 50):
            gateway(request_record(number))
        gateway.seal()
        said(collector, "nothing carried", lines)
        said(collector, "nothing carried, again in 2 s", lines)
        assert list((parent / "0").glob(SEALED)), "what was not carried stays"
        with server(tmp_path, port):
            said(collector, "20 requests carried", lines)
            store = open_store(address)
            numbers = [int(outcome.task_id, 16) for outcome in store.feedback_outcomes()]
            assert sorted(numbers) == list(range(50))
            traces = MlflowClient(address).search_traces([store.experiment_id], max_results=500)
            assert len({trace.info.client_request_id for trace in traces}) == len(traces) == 50
    finally:
        collector.kill()
        collector.communicate(timeout=30)
        gateway.close()
