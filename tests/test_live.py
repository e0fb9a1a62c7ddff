"""What the page is told: the last requests and the sums, to each caller their own, and prompts only if kept."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from orchestrator.gateway.callers import Caller, OpenGate, Served
from orchestrator.gateway.errors import answer_errors
from orchestrator.gateway.keys import Allowance, ApiKey
from orchestrator.gateway.live import RECENT, ROWS, SHOWN_CHARACTERS, Live, live_routes

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def caller(name, *, operator=False):
    return Caller(name, None, operator, ApiKey(f"id of {name}", name, "", None, Allowance(), b""))


def served(who, *, model="small", usd=0.003, reference_usd=0.01, confidence=0.75, latency_s=0.3, **changes):
    attempts = [{"model": "large", "text": None}, {"model": model, "text": "42"}]
    answer = {"model": model, "confidence": confidence, "usd": usd, "trace_id": "t", "attempts": attempts}
    given = {"route": "/v1/chat/completions", "asked_for": "auto", "strategy": "cascade", "status": 200}
    given |= {"answer": answer, "reference_usd": reference_usd, "prompt": "What is 6 x 7?"}
    return Served(caller=who, latency_s=latency_s, **{**given, **changes})


@pytest.fixture
def live():
    return Live(now=lambda: NOON)


def test_a_request_is_shown_with_who_was_asked_and_what_it_cost(live):
    live(served(Caller()))
    (row,) = live.seen_by(Caller())["requests"]
    assert (row["model"], row["asked"], row["usd"], row["reference_usd"]) == (
        "small",
        ("large", "small"),
        0.003,
        0.01,
    )
    assert (row["prompt"], row["confidence"], row["number"]) == ("What is 6 x 7?", 0.75, 1)


def test_sums_are_those_of_all_requests_by_model(live):
    for usd in (0.001, 0.002):
        live(served(Caller(), usd=usd))
    live(served(Caller(), model="large", usd=0.02, reference_usd=None))
    live(served(Caller(), answer={}, status=503, reference_usd=None))
    sums = {one["model"]: one for one in live.seen_by(Caller())["models"]}
    assert {model: one["requests"] for model, one in sums.items()} == {None: 1, "large": 1, "small": 2}
    assert sums["small"]["usd"] == pytest.approx(0.003) and sums["small"]["saved_usd"] == pytest.approx(0.017)
    assert sums["large"]["saved_usd"] == 0.0  # its reference is not known
    assert sums["small"]["confidence"] / sums["small"]["verified"] == 0.75 and sums[None]["verified"] == 0


@pytest.mark.parametrize("privacy", ["hash", "none"])
def test_prompts_and_errors_are_shown_only_if_they_are_kept(privacy):
    live = Live(privacy=privacy, now=lambda: NOON)
    live(served(Caller(), answer={"error": "the provider refused 'What is 6 x 7?'"}))
    assert "6 x 7" not in json.dumps(live.seen_by(Caller()))


def test_memory_is_bounded_and_sums_are_not(live):
    for i in range(ROWS + 100):
        live(served(Caller(), prompt="x" * 10_000, latency_s=float(i)))
    seen = live.seen_by(Caller())
    assert [row["number"] for row in seen["requests"]] == list(range(101, ROWS + 101))
    assert all(len(row["prompt"]) == SHOWN_CHARACTERS for row in seen["requests"])
    (small,) = seen["models"]
    assert small["requests"] == ROWS + 100
    assert small["recent_s"] == [float(i) for i in range(ROWS + 100 - RECENT, ROWS + 100)]


def test_callers_see_their_own_requests_and_operators_those_of_all(live):
    alice, bob, operator = caller("alice"), caller("bob"), caller("carol", operator=True)
    for who in (alice, bob, bob):
        live(served(who, prompt=f"secret of {who.name}"))
    seen = {who.name: live.seen_by(who) for who in (alice, bob, operator)}
    assert {name: len(news["requests"]) for name, news in seen.items()} == {"alice": 1, "bob": 2, "carol": 3}
    assert {name: news["models"][0]["requests"] for name, news in seen.items()} == {
        "alice": 1,
        "bob": 2,
        "carol": 3,
    }
    assert "bob" not in json.dumps(seen["alice"]) and "alice" not in json.dumps(seen["bob"])


def test_a_name_that_is_given_again_does_not_inherit_requests(live):
    live(served(caller("alice")))
    heir = Caller("alice", None, False, ApiKey("another id", "alice", "", None, Allowance(), b""))
    assert live.seen_by(heir)["requests"] == [] and live.seen_by(heir)["models"] == []


def test_news_is_plain_json_with_word_of_who_serves(live):
    app = FastAPI()
    app.state.service = SimpleNamespace(gate=OpenGate())
    answer_errors(app)
    app.include_router(live_routes(live, lambda: {"champion": "champion, version 3"}))
    live(served(Caller()))
    reply = TestClient(app).get("/v1/pointsman/live")
    assert reply.status_code == 200 and reply.headers["connection"] == "close"
    assert reply.json()["champion"] == "champion, version 3" and len(reply.json()["requests"]) == 1
