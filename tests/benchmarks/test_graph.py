"""What the graph costs per request, beside a bare LangGraph graph of the same shape, round by round."""

import asyncio
import gc
import time
import tracemalloc
from statistics import median
from typing import TypedDict

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda
from langgraph.graph import END, START, StateGraph

from orchestrator.graph import build_graph
from orchestrator.models import Reply, ScriptedModel

REQUEST = {"task_type": "complex", "input": "Design a distributed caching system"}
MODELS = {name: ScriptedModel(label=name, script=Reply("ok", 6, 1)) for name in ("fast", "strong", "cheap")}
ROUNDS, REQUESTS = 20, 50

pytestmark = pytest.mark.benchmark


def bare_graph():
    """The pattern as LangGraph's own idiom has it: router, one of three models, verifier."""

    class State(TypedDict, total=False):
        task_type: str
        input: str
        result: str
        confidence: float

    def step(update):
        async def later(state):
            return update

        return RunnableLambda(lambda state: update, later)

    def model(client):
        async def later(state):
            return {"result": (await client.ainvoke([HumanMessage(state["input"])])).text}

        return RunnableLambda(
            lambda state: {"result": client.invoke([HumanMessage(state["input"])]).text}, later
        )

    graph = StateGraph(State)
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


@pytest.fixture(scope="module")
def graphs():
    return {"bare": bare_graph(), "pointsman": build_graph(models=MODELS)}


def seconds(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def show(label, ms):
    ratio = ms["pointsman"] / ms["bare"]
    print(f"\n{label}: {ms['pointsman']:.2f} ms; a bare graph {ms['bare']:.2f} ms; ratio {ratio:.2f}")


def test_one_request_after_another(graphs):
    taken = {name: [] for name in graphs}
    for _ in range(ROUNDS):
        for name, graph in graphs.items():
            taken[name] += [seconds(lambda graph=graph: graph.invoke(REQUEST)) for _ in range(REQUESTS)]
    show("invoke, median", {name: median(found) * 1000 for name, found in taken.items()})


def test_one_asynchronous_request_after_another(graphs):
    async def several(graph):
        found = []
        for _ in range(REQUESTS):
            start = time.perf_counter()
            await graph.ainvoke(REQUEST)
            found.append(time.perf_counter() - start)
        return found

    taken = {name: [] for name in graphs}
    for _ in range(ROUNDS):
        for name, graph in graphs.items():
            taken[name] += asyncio.run(several(graph))
    show("ainvoke, median", {name: median(found) * 1000 for name, found in taken.items()})


def test_500_requests_at_once(graphs):
    async def together(graph):
        await asyncio.gather(*(graph.ainvoke(REQUEST) for _ in range(500)))

    rate = {name: [] for name in graphs}
    for _ in range(5):
        for name, graph in graphs.items():
            rate[name].append(500 / seconds(lambda graph=graph: asyncio.run(together(graph))))
    ours, bare = median(rate["pointsman"]), median(rate["bare"])
    print(f"\n500 at once: {ours:.0f} requests/s; a bare graph {bare:.0f}/s; ratio {ours / bare:.2f}")


def test_memory_over_20_000_requests(graphs):
    """The traced heap after 2,000 and after 20,000 requests."""
    graph, held = graphs["pointsman"], {}
    tracemalloc.start()
    for number in range(1, 20_001):
        graph.invoke(REQUEST)
        if number in (2_000, 20_000):
            gc.collect()
            held[number] = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    print("\nheld on the heap: " + ", ".join(f"{held[n] / 1e6:.2f} MB after {n:,}" for n in held))
    assert held[20_000] < held[2_000] + 200_000
