"""A walk comes to the same state as the graph that it walks."""

import threading

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from orchestrator import strategies
from orchestrator.graph import build_graph
from orchestrator.models import ModelError, Reply, ScriptedModel
from orchestrator.nodes.walk import Walk
from orchestrator.tools import standard
from router_training.contract import Evidence, ModelCard, UsageError

CARDS = {
    "cheap": ModelCard("cheap", 1.0, 2.0, roles=("cheap",)),
    "fast": ModelCard("fast", 2.0, 4.0, roles=("fast",)),
    "strong": ModelCard("strong", 10.0, 20.0, roles=("strong",)),
}
REQUESTS = (
    {"input": "What is 2 + 2?"},
    {"input": "What is 2 + 2?", "dial": 1.0, "task_type": "complex"},
    {"messages": [HumanMessage("hi"), AIMessage("hello"), HumanMessage("What is 2 + 2?")]},
    {"input": "What is 2 + 2?", "max_usd": 1e-5},
    {"input": "What is 2 + 2?", "max_usd": 0.0},
    {"input": "What is 2 + 2?", "allow": ["fast"]},
)
SCRIPTS = {
    "all answer": {"cheap": Reply("four", 5, 1), "fast": Reply("4", 5, 1), "strong": Reply("It is 4.", 5, 4)},
    "one fails": {"cheap": ModelError("down"), "fast": Reply("4", 5, 1), "strong": Reply("4", 5, 1)},
    "all fail": dict.fromkeys(CARDS, ModelError("down")),
}
TIMES = {"latency_s", "trace_id", "delay_s", "after_s", "id", "message_id"}


def doubt(task, attempt, forecast):
    return Evidence("taste", 0.2 if attempt.model == "cheap" else 0.9, "taste")


def timeless(state):
    """Return a state without what no two runs share."""
    if isinstance(state, dict):
        return {key: timeless(value) for key, value in state.items() if key not in TIMES}
    if isinstance(state, list | tuple):
        return [timeless(one) for one in state]
    return (
        (type(state), state.content, timeless(state.response_metadata))
        if hasattr(state, "response_metadata")
        else state
    )


@pytest.mark.parametrize("strategy", sorted(strategies.available()))
@pytest.mark.parametrize("script", SCRIPTS)
async def test_every_strategy_comes_to_the_same_answer_either_way(strategy, script):
    def graph():
        models = {name: ScriptedModel(label=name, script=reply) for name, reply in SCRIPTS[script].items()}
        return build_graph(catalogue=CARDS, models=models, strategy=strategy, verifier=[doubt])

    for request in REQUESTS:
        expected = timeless(await graph().ainvoke(request))
        found = timeless(await Walk(graph()).ainvoke(request))
        for state in (
            expected,
            found,
        ):  # live latencies are part of what was expected, of reasons and of limits
            state.pop("decision")
        assert {key: found.get(key) for key in expected} == expected


async def test_a_mistake_in_a_node_is_raised_and_stops_its_neighbours():
    class Broken(ScriptedModel):
        async def _agenerate(self, *args, **kwargs):
            raise RuntimeError("a bug")

    models = {"cheap": Broken(label="cheap"), "fast": ScriptedModel(label="fast", script="x")}
    with pytest.raises(RuntimeError, match="a bug"):
        await Walk(build_graph(models=models, strategy="ensemble")).ainvoke(
            {"input": "hi", "max_attempts": 2}
        )


def test_what_needs_the_engine_is_refused():
    models = {"cheap": ScriptedModel(label="cheap", script="x")}
    for options in ({"tools": standard()}, {"checkpointer": InMemorySaver()}):
        with pytest.raises(UsageError, match="engine"):
            Walk(build_graph(models=models, **options))


class Brief:
    """A verifier that says where it runs."""

    brief = True

    def __init__(self):
        self.threads = []

    def __call__(self, task, attempt, forecast):
        self.threads.append(threading.get_ident())
        return Evidence("taste", 0.9, "taste")


@pytest.mark.parametrize(("words", "is_here"), [(1, True), (1_000, False)])
async def test_what_takes_microseconds_on_short_answers_runs_beside_the_event_loop_on_long_ones(
    words, is_here
):
    brief, models = Brief(), {"cheap": ScriptedModel(label="cheap", script="word " * words)}
    await Walk(build_graph(models=models, verifier=[brief])).ainvoke({"input": "hi"})
    assert [one == threading.get_ident() for one in brief.threads] == [is_here]
