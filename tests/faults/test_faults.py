"""Each fault on a real socket, with the real client: what the user gets, what is on record, how often was asked."""

import asyncio
import socket
import time

import numpy as np
import pytest
from langgraph.checkpoint.memory import InMemorySaver

from orchestrator import tools
from orchestrator.breaker import FAILURES
from orchestrator.graph import build_graph
from orchestrator.health import Health
from router_training.contract import Forecasts, ModelCard
from tests.faults.fault_server import FAULTS, Play, answer

KEY = "sk-never-show-this"
USD_OF_AN_ANSWER = (10 * 1.0 + 5 * 2.0) / 1e6
FORECAST_USD = 1e-4
# Fault: kind on record, calls the server saw, whether money may be lost, whether it counts against the endpoint.
EXPECTED = {
    "reset": ("interrupted", 3, True, True),
    "reset in the body": ("interrupted", 3, True, True),
    "429": ("rate limit", 3, False, True),
    "429 later": ("rate limit", 1, False, True),
    "429 no money": ("quota", 1, False, True),
    "500": ("server error", 3, False, True),
    "401": ("no access", 1, False, True),
    "404": ("not found", 1, False, True),
    "hang": ("timeout", 1, True, True),
    "garbage": ("unreadable", 1, True, True),
    "html": ("unreadable", 1, True, True),
    "no choices": ("unreadable", 1, True, True),
    "null choices": ("unreadable", 1, True, True),
    "empty choices": ("unreadable", 1, True, True),
    "too long": ("context length", 1, False, False),
    "filtered": ("refused", 1, False, False),
}


class Expect:
    """A policy that sends every prompt to "small" first."""

    def __init__(self, *models):
        self.models = models

    def forecast(self, prompts):
        n, m = len(prompts), len(self.models)
        p = np.tile(np.linspace(0.9, 0.5, m), (n, 1))
        return Forecasts(self.models, p, np.full((n, m), FORECAST_USD), np.full((n, m), 0.1), np.zeros(n))


def card(name, server, **keys):
    return ModelCard(name, 1.0, 2.0, base_url=server.url, api_key_env="FAULT_KEY", timeout_s=2.0, **keys)


@pytest.fixture
def graph(faulty, healthy, monkeypatch):
    """A function that builds a graph: "small" is at the faulty server, "large" at the healthy one."""
    monkeypatch.setenv("FAULT_KEY", KEY)

    def build(**options):
        cards = {"small": card("small", faulty), "large": card("large", healthy)}
        options = {"strategy": "fallback(cost_based)", "catalogue": cards, **options}
        return build_graph(Expect(*options["catalogue"]), **options)

    return build


ASK = {"input": "What is 2 + 2?"}


@pytest.mark.parametrize(
    ("face", "fault"),
    [
        *(("async", fault) for fault in EXPECTED),
        *(("sync", fault) for fault in ("reset", "hang", "garbage", "401")),
    ],
)
async def test_a_fault_is_on_record_and_another_model_answers(graph, faulty, healthy, fault, face):
    kind, calls, may_cost, blames = EXPECTED[fault]
    faulty.script.extend([FAULTS[fault]] * 3)
    kept, health = [], Health()
    one = graph(feedback=kept.append, health=health)
    limits = {"deadline_s": 20.0}
    state = await one.ainvoke({**ASK, **limits}) if face == "async" else one.invoke({**ASK, **limits})
    assert (state["result"], state["model"], state["error"]) == ("four", "large", None)
    failed, answered = state["attempts"]
    assert (failed["model"], failed["text"], failed["failure"]) == ("small", None, kind)
    assert "\n" not in failed["error"] and KEY not in str(state) + str(kept)
    assert (len(faulty.seen), len(healthy.seen)) == (calls, 1), "no call is repeated without need"
    lost_usd = FORECAST_USD * calls * may_cost
    assert (failed["usd"], failed["usd_estimated"]) == (pytest.approx(lost_usd, rel=1e-12), may_cost)
    assert answered["usd"] == pytest.approx(USD_OF_AN_ANSWER, rel=1e-12)
    assert state["usd"] == pytest.approx(failed["usd"] + answered["usd"], rel=1e-12)
    assert len(kept) == 1 and kept[0].result == "four"
    assert (health.states()["small"].failures == 1) is blames and health.states()["large"].failures == 0


@pytest.mark.parametrize("face", ["sync", "async"])
async def test_a_refused_connection_is_tried_three_times_and_costs_nothing(graph, healthy, face):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    nowhere = ModelCard("small", 1.0, 2.0, base_url=f"http://127.0.0.1:{port}/v1", api_key_env="FAULT_KEY")
    one = graph(catalogue={"small": nowhere, "large": card("large", healthy)})
    state = await one.ainvoke(ASK) if face == "async" else one.invoke(ASK)
    failed = state["attempts"][0]
    assert (failed["failure"], failed["usd"], failed["usd_estimated"]) == ("unreachable", 0.0, False)
    assert failed["error"].endswith(f"Connection error, at http://127.0.0.1:{port}/v1, after 3 tries")
    assert state["model"] == "large"


@pytest.mark.parametrize("fault", ["reset", "429", "429 soon", "500"])
async def test_a_fault_that_passes_is_overcome_by_asking_again_and_a_try_that_may_have_cost_counts(
    graph, faulty, fault
):
    faulty.script.append(FAULTS[fault])
    start, may_cost = time.perf_counter(), fault == "reset"
    state = await graph().ainvoke(ASK)
    assert (state["model"], len(state["attempts"]), len(faulty.seen)) == ("small", 1, 2)
    assert state["usd"] == pytest.approx(USD_OF_AN_ANSWER + may_cost * FORECAST_USD, rel=1e-12)
    assert state["attempts"][0]["usd_estimated"] is may_cost
    if fault == "429 soon":
        assert time.perf_counter() - start >= 1.0, "the endpoint asked for a second"


@pytest.mark.parametrize("face", ["sync", "async"])
async def test_every_try_that_may_have_been_charged_for_counts_at_its_forecast(graph, faulty, face):
    def ask():
        return asyncio.to_thread(graph().invoke, ASK) if face == "sync" else graph().ainvoke(ASK)

    faulty.script.extend([FAULTS["reset"], FAULTS["reset in the body"]])
    (answered,) = (await ask())["attempts"]
    assert answered["text"] == "four" and answered["usd_estimated"] and len(faulty.seen) == 3
    assert answered["usd"] == pytest.approx(USD_OF_AN_ANSWER + 2 * FORECAST_USD, rel=1e-12)
    faulty.script.extend([FAULTS["reset"], FAULTS["500"], FAULTS["500"]])
    failed = (await ask())["attempts"][0]
    assert (failed["failure"], failed["usd"], failed["usd_estimated"]) == ("server error", FORECAST_USD, True)


async def test_a_lost_try_counts_in_whichever_round_of_tools_it_was(graph, faulty):
    function = {"name": "calculator", "arguments": '{"expression": "2 + 2"}'}
    call = {"id": "c0", "type": "function", "function": function}
    calls = answer(None, finish="tool_calls", tool_calls=[call])
    cards = {"small": card("small", faulty, capabilities=frozenset({"text", "tools"}))}
    one = graph(catalogue=cards, tools=tools.standard())
    for script in ([FAULTS["reset"], calls], [calls, FAULTS["reset"]]):
        faulty.script.extend(script)
        (answered,) = (await one.ainvoke(ASK))["attempts"]
        assert (answered["text"], len(answered["tool_calls"]), answered["usd_estimated"]) == ("four", 1, True)
        assert answered["usd"] == pytest.approx(2 * USD_OF_AN_ANSWER + FORECAST_USD, rel=1e-12)


async def test_under_a_budget_nothing_that_may_have_been_charged_is_asked_for_again(graph, faulty):
    faulty.script.append(FAULTS["reset"])
    state = await graph().ainvoke({**ASK, "max_usd": 1.0})
    assert (state["model"], len(faulty.seen)) == ("large", 1)
    assert state["attempts"][0]["usd_estimated"]


async def test_an_empty_answer_is_paid_and_rejected_and_a_cascade_asks_the_next_model(graph, faulty, healthy):
    faulty.script.extend([FAULTS["empty"]] * 2)
    state = await graph(strategy="fallback(cascade)").ainvoke({**ASK, "dial": 1.0})
    assert state["attempts"][0]["text"] == "" and state["attempts"][0]["failure"] is None
    assert state["attempts"][0]["confidence"] <= 0.02
    direct = await graph().ainvoke(ASK)
    assert (direct["result"], direct["model"]) == ("", "small") and direct["confidence"] <= 0.02
    assert len(faulty.seen) == 2


@pytest.mark.parametrize(
    ("fault", "error", "tokens"),
    [
        ("filtered answer", "refused: content_filter", 3),
        ("refused answer", "refused: I cannot help with that.", 7),
    ],
)
async def test_an_answer_that_the_provider_keeps_back_is_a_failure_and_is_paid(
    graph, faulty, fault, error, tokens
):
    faulty.script.append(FAULTS[fault])
    state = await graph().ainvoke(ASK)
    failed = state["attempts"][0]
    assert (failed["error"], failed["failure"], failed["confidence"]) == (error, "refused", None)
    assert failed["usd"] == pytest.approx((10 + 2 * tokens) / 1e6) and not failed["usd_estimated"]
    assert state["model"] == "large" and len(faulty.seen) == 1


async def test_the_model_of_the_next_turn_is_not_told_what_went_wrong_in_the_last(graph, faulty, healthy):
    one, thread = graph(checkpointer=InMemorySaver()), {"configurable": {"thread_id": "1"}}
    faulty.script.append(FAULTS["401"])
    healthy.script.append(FAULTS["401"])
    failed = await one.ainvoke({"messages": [("user", "What is 2 + 2?")]}, thread)
    assert failed["model"] is None and faulty.url in failed["messages"][-1].text
    await one.ainvoke({"messages": [("user", "And what is 3 + 3?")]}, thread)
    sent = [(turn["role"], turn["content"]) for turn in faulty.seen[-1]["messages"]]
    assert sent == [
        ("user", "What is 2 + 2?"),
        ("assistant", "I could not answer that."),
        ("user", "And what is 3 + 3?"),
    ]


async def test_what_is_too_long_for_one_model_goes_to_one_of_longer_context_only(graph, faulty, healthy):
    cards = {
        "small": card("small", faulty, context_tokens=4000),
        "twin": card("twin", healthy, context_tokens=4000),
        "large": card("large", healthy, context_tokens=8000),
    }
    faulty.script.append(FAULTS["too long"])
    state = await graph(catalogue=cards).ainvoke(ASK)
    assert [attempt["model"] for attempt in state["attempts"]] == ["small", "large"]
    only = await graph(catalogue={name: cards[name] for name in ("small", "twin")}).ainvoke(ASK)
    assert only["model"] == "small", "another request is another length"
    faulty.script.append(FAULTS["too long"])
    none = await graph(catalogue={name: cards[name] for name in ("small", "twin")}).ainvoke(ASK)
    assert none["model"] is None and "twin is left out: takes no more than the 4,000 tokens" in none["error"]


@pytest.mark.parametrize("face", ["sync", "async"])
async def test_a_deadline_cuts_a_call_that_hangs_and_waits_for_no_retry_after(graph, faulty, healthy, face):
    one = graph()
    for fault, calls in (("hang", 1), ("429 later", 1)):
        faulty.script.append(FAULTS[fault])
        healthy.script.append(FAULTS["hang"])
        start = time.perf_counter()
        ask = {**ASK, "deadline_s": 0.6}
        state = await one.ainvoke(ask) if face == "async" else one.invoke(ask)
        assert time.perf_counter() - start < 5.0
        assert state["model"] is None and len(faulty.seen) == calls
        faulty.seen.clear()
        one = graph()
    assert "timed out after" in state["error"] and "deadline" in state["error"]


async def test_a_hurried_caller_does_not_spoil_a_model_for_others(graph, faulty):
    faulty.script.extend([FAULTS["hang"]] * (FAILURES + 1))
    health = Health()
    one = graph(health=health, catalogue={"small": card("small", faulty)})
    for _ in range(FAILURES + 1):
        await one.ainvoke({**ASK, "deadline_s": 0.15})
    assert health.states()["small"].name == "closed"
    assert (await one.ainvoke(ASK))["model"] == "small"


async def test_an_endpoint_that_keeps_failing_is_left_alone_and_the_answer_says_until_when(
    graph, faulty, healthy
):
    now = [0.0]
    health = Health(lambda: now[0])
    one = graph(health=health, catalogue={"small": card("small", faulty)})
    faulty.script.extend([FAULTS["401"]] * FAILURES)
    for _ in range(FAILURES):
        assert "401" in (await one.ainvoke(ASK))["error"]
    now[0] = 10.0
    shut = await one.ainvoke(ASK)
    assert len(faulty.seen) == FAILURES and shut["attempts"] == []
    assert "small is left out: circuit open after 5 failures in a row, try again in 20 s" in shut["error"]
    assert shut["decision"]["barred"]["small"].startswith("circuit open")
    now[0] = 31.0
    assert (await one.ainvoke(ASK))["model"] == "small" and health.states()["small"].name == "closed"


async def test_a_budget_bounds_what_the_model_may_write(graph, faulty):
    state = await graph().ainvoke({**ASK, "max_usd": 2 * FORECAST_USD})
    (sent,) = faulty.seen
    assert state["model"] == "small"
    assert 1 <= sent["max_completion_tokens"] <= 2 * FORECAST_USD * 1e6 / 2.0
    await graph().ainvoke(ASK)
    assert "max_completion_tokens" not in faulty.seen[1] and "timeout" not in faulty.seen[1]


async def test_a_stream_that_breaks_off_is_a_failure_and_the_next_model_answers(graph, faulty):
    piece = b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"fo"}}]}\n\n'
    faulty.script.extend([Play("reset after", body=piece, headers=("Content-Type: text/event-stream",))] * 3)
    one, state = graph(), None
    async for mode, part in one.astream({**ASK, "max_usd": 1.0}, stream_mode=["messages", "values"]):
        if mode == "values":
            state = part
    assert state["model"] == "large"
    assert (state["attempts"][0]["failure"], state["attempts"][0]["usd_estimated"]) == ("interrupted", True)


@pytest.mark.slow
async def test_a_hundred_random_fault_scripts_on_sockets_lose_no_request_and_keep_every_deadline(
    graph, faulty, healthy
):
    rng, names = np.random.default_rng(0), sorted(FAULTS)
    for batch in range(10):
        for server in (faulty, healthy):
            server.script.clear()
            server.script.extend(FAULTS[name] for name in rng.choice(names, 20))
        kept = []
        one = graph(feedback=kept.append, strategy=("fallback(cascade)", "fallback(cost_based)")[batch % 2])
        start = time.perf_counter()
        ask = {**ASK, "deadline_s": 4.0, "max_usd": 0.01}
        states = await asyncio.gather(*(one.ainvoke(ask) for _ in range(10)))
        assert time.perf_counter() - start < 10.0
        assert sorted(record.trace_id for record in kept) == sorted(state["trace_id"] for state in states)
        for state in states:
            assert (state["model"] is None) == (state["error"] is not None)
            assert state["latency_s"] <= 4.5 and state["usd"] <= 0.01
            assert KEY not in str(state) and "\n" not in (state["error"] or "")
