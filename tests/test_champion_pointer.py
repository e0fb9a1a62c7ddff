"""Who is champion at a server that asks for credentials: they are those that MLflow's own client would send."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from router_training.contract import DataError
from router_training.records.champion_pointer import read_pointer

NAMES = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
BASIC = "Basic " + base64.b64encode(b"me:s%cret").decode()


class Guarded(BaseHTTPRequestHandler):
    """A registry whose champion is version 7, for those whose Authorization is `server.wanted`."""

    def do_GET(self):
        is_let_in = self.headers.get("Authorization") == self.server.wanted
        body = json.dumps({"model_version": {"version": "7"}}).encode()
        self.send_response(200 if is_let_in else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    one = ThreadingHTTPServer(("127.0.0.1", 0), Guarded)
    thread = threading.Thread(target=one.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield one
    one.shutdown()
    one.server_close()
    thread.join(10)


@pytest.mark.parametrize(
    ("variables", "who", "wanted"),
    [
        ({}, "", None),
        ({}, "me:s%25cret@", BASIC),
        ({NAMES[0]: "me", NAMES[1]: "s%cret"}, "", BASIC),
        ({NAMES[2]: "abc"}, "", "Bearer abc"),
        ({NAMES[0]: "me", NAMES[1]: "s%cret", NAMES[2]: "abc"}, "", BASIC),
    ],
)
def test_the_champion_is_read_with_the_credentials_that_are_set(server, monkeypatch, variables, who, wanted):
    server.wanted = wanted
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert read_pointer(f"http://{who}127.0.0.1:{server.server_port}/").version == "7"


def test_who_is_not_let_in_is_told_without_the_password(server):
    server.wanted = BASIC
    with pytest.raises(DataError, match="401") as error:
        read_pointer(f"http://me:wrong@127.0.0.1:{server.server_port}")
    assert "wrong" not in str(error.value)
