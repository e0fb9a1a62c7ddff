"""What the graph costs per request, beside a bare LangGraph graph of the same shape, round by round."""

import asyncio
import gc
import resource
import time
from pathlib import Path
from statistics import median, quantiles
from typing import TypedDict

import pytest
from langchain_core.messages import HumanMessage
from langgraph.graph import END, START, StateGraph

from orchestrator.graph import build_graph
from orchestrator.models import Reply, ScriptedModel
from orchestrator.nodes import state

REQUEST = {"task_type": "complex", "input": "Design a distributed caching system"}
MODELS = {name: ScriptedModel(label=name, script=Reply("ok", 6, 1)) for name in ("fast", "strong", "cheap")}
ROUNDS, REQUESTS = 20, 50

pytestmark = pytest.mark.benchmark


class State(TypedDict, total=False):
    """The state of the pattern."""

    task_type: str
    input: str
    result: str
    confidence: float


def bare_graph(is_async, schema=State):
    """The pattern as LangGraph's own idiom has it: router, one of three models, verifier; plain functions."""

    def step(update):
        async def later(state):
            return update

        return later if is_async else lambda state: update

    def model(client):
        async def later(state):
            return {"result": (await client.ainvoke([HumanMessage(state["input"])])).text}

        return later if is_async else lambda s: {"result": client.invoke([HumanMessage(s["input"])]).text}

    graph = StateGraph(schema)
    graph.add_node("router", step({}))
    graph.add_node("verifier", step({"confidence": 0.95}))
    for name, client in MODELS.items():
        graph.add_node(name, model(client))
        graph.add_edge(name, "verifier")
    graph.add_edge(START, "router")
    graph.add_conditional_edges(
        "router",
        lambda state: {"quick": "fast", "complex": "strong"}.get(state["task_type"], "cheap"),
        list(MODELS),
    )
    graph.add_edge("verifier", END)
    return graph.compile()


def graphs(is_async):
    return {
        "a bare graph": bare_graph(is_async),
        "with this state": bare_graph(is_async, state.State),
        "pointsman": build_graph(models=MODELS),
    }


def show(label, taken):
    """Print medians, fastest tenths, and their ratios: on a busy machine the fastest tenth says more."""
    rows = {name: (median(found) * 1000, quantiles(found, n=10)[0] * 1000) for name, found in taken.items()}
    (bare, bare_fast), (ours, ours_fast) = rows["a bare graph"], rows["pointsman"]
    print(
        f"\n{label}: median {ours:.2f} ms, a bare graph {bare:.2f} ms, ratio {ours / bare:.2f}; "
        f"fastest tenth {ours_fast:.2f} ms, {bare_fast:.2f} ms, ratio {ours_fast / bare_fast:.2f}"
    )
    alike = rows["with this state"][0]
    print(f"{label}: a bare graph whose state has as many keys {alike:.2f} ms, ratio {ours / alike:.2f}")


def test_one_request_after_another():
    taken = {}
    built = graphs(is_async=False)
    for _ in range(ROUNDS):
        for name, graph in built.items():
            for _ in range(REQUESTS):
                start = time.perf_counter()
                graph.invoke(REQUEST)
                taken.setdefault(name, []).append(time.perf_counter() - start)
    show("invoke", taken)


def test_one_asynchronous_request_after_another():
    taken = {}

    async def several(name, graph):
        for _ in range(REQUESTS):
            start = time.perf_counter()
            await graph.ainvoke(REQUEST)
            taken.setdefault(name, []).append(time.perf_counter() - start)

    built = graphs(is_async=True)
    for _ in range(ROUNDS):
        for name, graph in built.items():
            asyncio.run(several(name, graph))
    show("ainvoke", taken)


def test_500_requests_at_once():
    async def together(graph):
        await asyncio.gather(*(graph.ainvoke(REQUEST) for _ in range(500)))

    rates = {}
    built = graphs(is_async=True)
    for _ in range(5):
        for name, graph in built.items():
            start = time.perf_counter()
            asyncio.run(together(graph))
            rates.setdefault(name, []).append(500 / (time.perf_counter() - start))
    ours, bare = max(rates["pointsman"]), max(rates["a bare graph"])
    print(
        f"\n500 at once, best of 5: {ours:.0f} requests/s, a bare graph {bare:.0f}/s, ratio {ours / bare:.2f}"
    )


def test_memory_stays_flat_over_20_000_requests():
    """What the process holds after 2,000 requests and after 20,000: a request may leave nothing behind."""
    graph, held = build_graph(models=MODELS), {}
    for number in range(1, 20_001):
        graph.invoke(REQUEST)
        if number in (2_000, 20_000):
            gc.collect()
            held[number] = resident_mb()
    grown = held[20_000] - held[2_000]
    print(f"\nresident after 2,000 requests: {held[2_000]:.1f} MB; after 20,000: {grown:+.1f} MB")
    assert grown < 5.0


def resident_mb():
    """Return the resident memory of this process, as Linux tells it."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6
