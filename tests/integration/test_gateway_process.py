"""The gateway as a process: asked by curl, told to stop, and searched for what it must not tell."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from orchestrator.feedback import from_json
from orchestrator.gateway.accounts import Accounts
from orchestrator.gateway.keys import Keys
from tests.faults.fault_server import FAULTS, FaultServer

pytestmark = pytest.mark.integration
KEY = "sk-a-secret-that-nobody-may-read"
WORDS = ["one ", "two ", "three ", "four ", "five ", "six"]


def models_toml(url, names):
    return "".join(
        f"[models.{name}]\nusd_per_mtok_in = 1.0\nusd_per_mtok_out = 2.0\n"
        f'base_url = "{url}"\napi_key_env = "UPSTREAM_KEY"\n'
        for name in names
    )


@contextmanager
def process(folder, upstream_url, *arguments, names=("m0",), **environment):
    """Run `pointsman serve` in a folder until the block ends; yield (address, process)."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    (folder / "models.toml").write_text(models_toml(upstream_url, names))
    secrets = folder.parent / "secrets.env"  # where no search for the key looks
    secrets.write_text(f"UPSTREAM_KEY={KEY}\n")
    command = [sys.executable, "-c", "from orchestrator.cli import main; main()", "serve"]
    command += ["--models", "models.toml", "--port", str(port), *arguments]
    surroundings = {**os.environ, "POINTSMAN_SECRETS": str(secrets), **environment}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=surroundings)
    try:
        while not is_ready(f"http://127.0.0.1:{port}"):
            assert server.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", server
    finally:
        server.terminate()
        server.wait(60)


def is_ready(url):
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as found:
            return found.status == 200
    except OSError:
        return False


def fetched(url, path):
    with urllib.request.urlopen(f"{url}{path}", timeout=10) as found:
        return found.read().decode()


@pytest.fixture
def upstream():
    one = FaultServer().start()
    yield one
    one.stop()


def curl(url, path, body=None, *options):
    """Return (status, what was said) of curl."""
    program = shutil.which("curl")
    if program is None:
        pytest.skip("curl is not installed")
    sent = [] if body is None else ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    command = [program, "-sS", "-w", "\n%{http_code}", *options, *sent, f"{url}{path}"]
    said, _, status = subprocess.check_output(command, text=True, timeout=30).rpartition("\n")
    return int(status), said


def test_curl_is_answered(upstream, tmp_path):
    body = {"model": "auto", "messages": [{"role": "user", "content": "What is 2 + 2?"}]}
    with process(tmp_path, upstream.url) as (url, _):
        status, said = curl(url, "/v1/chat/completions", body)
        assert (status, json.loads(said)["choices"][0]["message"]["content"]) == (200, "four")
        _, headed = curl(url, "/v1/chat/completions", body, "-i")
        assert "x-pointsman-model: m0" in headed.lower().split("\n\n")[0].replace("\r", "")
        status, said = curl(url, "/v1/chat/completions", {**body, "stream": True}, "-N")
        events = [line[6:] for line in said.splitlines() if line.startswith("data: ")]
        words = [json.loads(one)["choices"][0]["delta"].get("content") or "" for one in events[:-1]]
        assert (status, events[-1], "".join(words)) == (200, "[DONE]", "four")
        status, said = curl(url, "/v1/models")
        assert (status, [one["id"] for one in json.loads(said)["data"]]) == (200, ["auto", "m0"])
        for wrong, expected in (({**body, "model": "gpt-9"}, 404), ({"model": "auto"}, 400)):
            status, said = curl(url, "/v1/chat/completions", wrong)
            assert status == expected and set(json.loads(said)["error"]) == {
                "message",
                "type",
                "param",
                "code",
            }


class SlowlyStreaming(BaseHTTPRequestHandler):
    """An endpoint that says a word every third of a second."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for word in WORDS:
            self.say({"index": 0, "delta": {"content": word}, "finish_reason": None})
            time.sleep(0.3)
        self.say({"index": 0, "delta": {}, "finish_reason": "stop"})
        self.wfile.write(b"data: [DONE]\n\n")

    def say(self, choice):
        chunk = {
            "id": "x",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [choice],
        }
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def slow():
    server = ThreadingHTTPServer(("127.0.0.1", 0), SlowlyStreaming)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.mark.parametrize("workers", [1, 2])
def test_who_is_answered_when_the_gateway_is_told_to_stop_hears_the_end_and_feedback_is_kept(
    slow, tmp_path, workers
):
    body = {"model": "auto", "stream": True, "messages": [{"role": "user", "content": "Count."}]}
    with process(tmp_path, slow, "--workers", str(workers)) as (url, server):
        asked = urllib.request.Request(
            f"{url}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=30) as stream:
            heard = [stream.readline()]
            server.send_signal(signal.SIGTERM)
            heard += list(stream)
        server.wait(30)
        with pytest.raises(urllib.error.URLError):
            fetched(url, "/healthz")
    chunks = [json.loads(line[6:]) for line in heard if line.startswith(b"data: {")]
    assert heard[-2].strip() == b"data: [DONE]"
    assert "".join(one["choices"][0]["delta"].get("content") or "" for one in chunks) == "".join(WORDS)
    kept = [
        from_json(line)
        for file in tmp_path.glob("mlruns/spool/*/*.jsonl")
        for line in file.read_text().splitlines()
    ]
    assert [(one.result, one.trace_id) for one in kept] == [
        ("".join(WORDS), chunks[-1]["pointsman"]["trace_id"])
    ]


def test_the_keys_of_endpoints_are_in_no_log_no_trace_and_no_answer(upstream, tmp_path):
    told = {"error": {"message": f"Incorrect API key provided: {KEY}", "code": "invalid_api_key"}}
    upstream.script.extend([FAULTS["answer"], type(FAULTS["401"])("answer", 401, told), FAULTS["500"]])
    body = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
    with process(tmp_path, upstream.url) as (url, _):
        said = [curl(url, "/v1/chat/completions", body) for _ in range(3)]
        said += [
            curl(url, path) for path in ("/metrics", "/v1/pointsman/live", "/openapi.json", "/v1/models")
        ]
    assert [status for status, _ in said] == [200, 502, 200, 200, 200, 200, 200]
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any(file.suffix == ".jsonl" for file in files)
    assert not [file for file in files if KEY.encode() in file.read_bytes()]
    assert not any(KEY in str(one) for one in said)


def test_the_log_says_who_serves_what_changes_and_which_requests_failed_but_no_prompt_and_no_key(tmp_path):
    body = {"model": "auto", "messages": [{"role": "user", "content": "the secret plan"}]}
    with process(tmp_path, "http://127.0.0.1:9/v1", POINTSMAN_RELOAD_S="0.1") as (url, _):
        assert [curl(url, "/v1/chat/completions", body)[0] for _ in range(2)] == [503, 503]
        (tmp_path / "models.toml").write_text("broken")
        wait_for(tmp_path / "log", "refused, the old router stays")
        (tmp_path / "models.toml").write_text(models_toml("http://127.0.0.1:9/v1", ("m0", "m1")))
        wait_for(tmp_path / "log", "now serving the roles of the cards, with the models m0, m1")
        keys = Keys(Accounts(tmp_path / "mlruns" / "keys.db"))
        secret = keys.add("alice")
        wait_for(tmp_path / "log", "the key 'alice' was made")
        keys.revoke("alice")
        wait_for(tmp_path / "log", "the key 'alice' was revoked")
    log = (tmp_path / "log").read_text()
    assert "INFO:     serving the roles of the cards, with the models m0" in log
    assert log.count("a request failed with 503 m0: unreachable (trace ") == 1
    assert not any(said in log for said in ("secret plan", secret, KEY))


def wait_for(log, words):
    until = time.monotonic() + 20
    while words not in log.read_text():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)
