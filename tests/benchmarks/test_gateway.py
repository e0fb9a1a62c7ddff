"""What the gateway adds to a call, and how many calls a second it makes, beside LiteLLM's proxy in the same run.

The peer is looked for in LITELLM (the path of its program, in a virtual environment of its own); without it the
gateway is measured alone, and the comparison is skipped.
"""

import asyncio
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import pytest

from router_training.catalogue import catalogue_from_outcomes
from router_training.embedding import load_encoder
from router_training.training import train_router
from tests.benchmarks.load import load
from tests.conftest import make_two_kinds

pytestmark = pytest.mark.benchmark
SECONDS, ROUNDS = 3.0, 3
SERVE = [sys.executable, "-c", "from orchestrator.cli import main; main()", "serve"]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def running(command, port, path, **options):
    """Run a server until it answers; yield (seconds that took, its process)."""
    start = time.monotonic()
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        while not _answers(f"http://127.0.0.1:{port}{path}"):
            assert server.poll() is None and time.monotonic() - start < 120
            time.sleep(0.02)
        yield time.monotonic() - start, server
    finally:
        server.terminate()
        server.wait(30)


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as found:
            return found.status == 200
    except urllib.error.HTTPError as error:
        return error.code != 503
    except OSError:
        return False


@pytest.fixture(scope="module")
def stub():
    port = free_port()
    with running([sys.executable, str(Path(__file__).with_name("load.py")), str(port)], port, "/"):
        yield port


@pytest.fixture(scope="module")
def router(tmp_path_factory, stub):
    """Return a trained router, with an answer model, whose cards point to the stub."""
    folder = tmp_path_factory.mktemp("router")
    table = make_two_kinds(160)
    cards = catalogue_from_outcomes(table)
    train_router(table, folder, catalogue=cards, encoder=load_encoder(), cache_dir=folder / "cache")
    models = folder / "models.toml"
    models.write_text(
        "".join(
            f"[models.{name}]\nusd_per_mtok_in = {card.usd_per_mtok_in}\nusd_per_mtok_out = {card.usd_per_mtok_out}\n"
            f'base_url = "http://127.0.0.1:{stub}/v1"\n'
            for name, card in cards.items()
        )
    )
    return folder


@contextmanager
def pointsman(router, folder, workers=1):
    port = free_port()
    command = [*SERVE, "--router", str(router), "--models", str(router / "models.toml"), "--port", str(port)]
    with running([*command, "--workers", str(workers)], port, "/readyz", cwd=folder) as (seconds, server):
        found = set()
        while len(found) < workers:  # the first that is ready answers for all
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/pointsman/live") as news:
                found.add(json.load(news)["worker"])
        yield port, seconds, server


@contextmanager
def litellm(folder, stub):
    program = shutil.which(os.environ.get("LITELLM", "litellm"))
    if program is None:
        pytest.skip(
            "LiteLLM is not here: install litellm[proxy] into a virtual environment and set LITELLM to its program"
        )
    port, key = free_port(), f"sk-{secrets.token_hex(24)}"
    config = folder / "litellm.yaml"
    params = {"model": "openai/m", "api_base": f"http://127.0.0.1:{stub}/v1", "api_key": "none"}
    config.write_text(json.dumps({"model_list": [{"model_name": "auto", "litellm_params": params}]}))
    environment = {**os.environ, "LITELLM_MASTER_KEY": key, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    command = [program, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    with running(command, port, "/health/liveliness", cwd=folder, env=environment) as (_, server):
        yield port, f"Authorization: Bearer {key}", server


def asked(port, *headers, connections=1, stream=False):
    """Ask for SECONDS; return (requests a second, median ms of whole answers, median ms to the first word)."""
    body = {
        "model": "auto",
        "messages": [{"role": "user", "content": "What is 17 plus 25? The number only."}],
    }
    content = json.dumps({**body, "stream": stream}).encode()
    path = "/v1/chat/completions"
    askers = asyncio.run(load(port, path, content, connections=connections, seconds=SECONDS, headers=headers))
    whole = [seconds for one in askers for seconds in one.whole]
    first = [seconds for one in askers for seconds in one.first]
    return len(whole) / SECONDS, 1e3 * median(whole), 1e3 * median(first or [float("nan")])


def megabytes(server):
    text = Path(f"/proc/{server.pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def processor_s(server):
    """Return the processor time that a server and the processes it started have taken."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    stats = [
        Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in (server.pid, *children)
    ]
    return sum(int(one[11]) + int(one[12]) for one in stats) / os.sysconf("SC_CLK_TCK")


def taken(server, *asking, **options):
    """Ask as `asked` does; return what it returns, and ms of the server's processor time per request."""
    start = processor_s(server)
    found = asked(*asking, **options)
    return *found, 1e3 * (processor_s(server) - start) / (found[0] * SECONDS)


def test_what_the_gateway_adds_to_a_call(stub, router, tmp_path):
    with pointsman(router, tmp_path) as (port, seconds, server):
        asked(port)
        for connections in (1, 32):
            direct, routed = asked(stub, connections=connections), asked(port, connections=connections)
            print(
                f"\nconcurrency {connections}: {routed[0]:.0f} requests/s, p50 {routed[1]:.2f} ms, of which added {routed[1] - direct[1]:.2f} ms"
            )
        direct, routed = asked(stub, stream=True), asked(port, stream=True)
        print(f"stream: first word {routed[2]:.2f} ms, of which added {routed[2] - direct[2]:.2f} ms")
        print(f"ready after {seconds:.2f} s, {megabytes(server):.0f} MB")


def test_beside_litellm(stub, router, tmp_path):
    with litellm(tmp_path, stub) as (peer, key, other), pointsman(router, tmp_path) as (port, _, server):
        asked(port), asked(peer, key)
        for connections in (1, 32):
            pairs = [
                (
                    taken(server, port, connections=connections),
                    taken(other, peer, key, connections=connections),
                )
                for _ in range(ROUNDS)
            ]
            for pair in pairs:
                said = [
                    f"{rate:.0f}/s, p50 {p50:.1f} ms, {busy:.2f} ms of processor"
                    for rate, p50, _, busy in pair
                ]
                print(f"\nconcurrency {connections}: pointsman {said[0]}; LiteLLM {said[1]}")
            rates = median(ours[0] / theirs[0] for ours, theirs in pairs)
            print(
                f"concurrency {connections}: {rates:.1f} times LiteLLM's requests a second, while routing; "
                f"{median(theirs[3] / ours[3] for ours, theirs in pairs):.1f} times as many per second of processor time"
            )


def test_two_workers(stub, router, tmp_path):
    rates = []
    for workers in (1, 2):
        with pointsman(router, tmp_path, workers) as (port, _, server):
            asked(port, connections=32)
            rates.append(taken(server, port, connections=32))
            rate, _, _, busy = rates[-1]
            print(f"\n{workers} workers: {rate:.0f}/s, with {rate * busy / 1e3:.2f} processors")
    print(f"two workers: {rates[1][0] / rates[0][0]:.2f} times the requests of one")
