"""Whatever clients send: no error is ours, nothing leaks, and the others are still answered."""

import asyncio
import json
import re
import socket
import threading

import httpx
import pytest
from hypothesis import given, settings, strategies as st

from orchestrator.gateway import protocol
from orchestrator.gateway.app import create_app
from orchestrator.models import Reply, ScriptedModel
from orchestrator.settings import LOOPBACK
from router_training.contract import ModelCard
from tests.gateway.serving import gateway, service_over
from tests.gateway.test_learning import get

SECRET_URL = "http://upstream-that-nobody-may-see.invalid/v1"
FIELDS = (
    "model", "messages", "stream", "stream_options", "tools", "tool_choice", "temperature", "max_tokens", "n", "stop",
    "seed", "response_format", "pointsman", "input", "instructions", "prompt", "prompts", "trace_id", "score", "thumbs",
    "dial", "max_usd", "deadline_s", "strategy", "conversation", "allow", "deny", "role", "content", "type", "text", "text",
    "image_url", "tool_calls", "function", "name", "arguments", "id",
)  # fmt: skip
WORDS = (
    "auto",
    "auto:0.5",
    "auto/cascade",
    "auto/fallback(joint)",
    "m0",
    "user",
    "assistant",
    "tool",
    "hi",
    "up",
    "",
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(WORDS)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
MESSAGE = st.fixed_dictionaries(
    {"role": st.sampled_from(WORDS)}, optional={"content": ANYTHING, "tool_calls": ANYTHING, "name": ANYTHING}
)
NEARLY = st.fixed_dictionaries(
    {"model": st.sampled_from(WORDS)},
    optional={
        "messages": st.lists(MESSAGE, max_size=3),
        "input": ANYTHING,
        **dict.fromkeys(
            ("stream", "tools", "tool_choice", "n", "max_tokens", "stop", "pointsman", "text"), ANYTHING
        ),
    },
)
PATHS = ("/v1/chat/completions", "/v1/responses", "/v1/route", "/v1/feedback")


@pytest.fixture(scope="module")
def app():
    cards = {name: ModelCard(name, 1.0, 2.0, base_url=SECRET_URL) for name in ("m0", "m1")}
    models = {name: ScriptedModel(label=name, script=Reply("four", 3, 1)) for name in cards}
    return create_app(service_over(cards, models=models))


def send(app, requests):
    """Return the answers to POSTs of (path, body), one after the other in one event loop."""

    async def all_of_them():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return [await client.post(path, content=body) for path, body in requests]

    return asyncio.run(all_of_them())


def is_sound(found):
    """Check that an answer is a success, or an error in OpenAI's form that is not ours and tells no secret."""
    assert found.status_code < 500 or found.status_code == 503, found.text
    assert "invalid/v1" not in found.text and "Traceback" not in found.text and "/root" not in found.text
    if found.status_code >= 400:
        assert set(found.json()["error"]) == {"message", "type", "param", "code"}


def check(app, path, body):
    is_sound(send(app, [(path, body)])[0])


@given(path=st.sampled_from(PATHS), body=ANYTHING | NEARLY)
@settings(max_examples=150)
def test_no_json_body_breaks_the_gateway(app, path, body):
    check(app, path, json.dumps(body).encode())


@given(path=st.sampled_from(PATHS), body=st.binary(max_size=60))
@settings(max_examples=50)
def test_no_bytes_break_the_gateway(app, path, body):
    check(app, path, body)


@pytest.mark.slow
def test_ten_thousand_bodies_do_not_either(app):
    @given(path=st.sampled_from(PATHS), body=ANYTHING | NEARLY)
    @settings(max_examples=10_000, database=None)
    def try_it(path, body):
        check(app, path, json.dumps(body).encode())

    try_it()


def test_the_description_of_the_api_names_every_route(app):
    described = asyncio.run(_described(app))
    assert set(PATHS) < set(described["paths"])
    chat = described["paths"]["/v1/chat/completions"]["post"]["requestBody"]["content"]["application/json"][
        "schema"
    ]
    assert {"model", "messages"} <= set(chat["required"])
    referred = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(described)))
    assert referred <= set(described["components"]["schemas"])


async def _described(app):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        return (await client.get("/openapi.json")).json()


def test_who_never_finishes_a_request_is_cut_off_and_nobody_else_notices(upstream, monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_S", 0.5)
    with gateway(upstream) as (url, *_):
        host, port = url.removeprefix("http://").split(":")
        assert host in LOOPBACK
        slow = [socket.create_connection((host, int(port))) for _ in range(20)]
        for one in slow:
            one.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n")
        assert get(url, "/healthz") == {"status": "ok"}
        for one in slow:
            one.settimeout(10)
            assert one.recv(1) == b""
            one.close()


@pytest.mark.integration
def test_two_thousand_connections_and_large_bodies_leave_it_healthy(upstream):
    with gateway(upstream) as (url, *_):
        host, port = url.removeprefix("http://").split(":")
        many = [socket.create_connection((host, int(port))) for _ in range(2000)]
        for one in many:
            one.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        large = threading.Thread(
            target=lambda: httpx.post(f"{url}/v1/chat/completions", content=b"x" * 10_000_000, timeout=60)
        )
        large.start()
        assert get(url, "/healthz") == {"status": "ok"}
        for one in many:
            one.settimeout(60)
            assert one.recv(15).startswith(b"HTTP/1.1 200")
            one.close()
        large.join()
