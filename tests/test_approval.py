"""A person approves expensive calls: the graph stops, goes on when told, or finds a cheaper way."""

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from orchestrator.graph import build_graph
from orchestrator.models import ScriptedModel
from orchestrator.moves import Accept, Ask
from router_training.contract import Evidence, ModelCard, UsageError

CARDS = {
    "small": ModelCard("small", 100.0, 100.0),
    "middle": ModelCard("middle", 1_000.0, 1_000.0),
    "large": ModelCard("large", 10_000.0, 10_000.0),
}
CONFIG = {"configurable": {"thread_id": "1"}}
HARD = {"input": "Prove it.", "task_type": "complex"}


def graph(**options):
    models = {name: ScriptedModel(label=name, script=f"{name} answer") for name in CARDS}
    options = {"strategy": "cascade", "approve_above_usd": 1.0, "checkpointer": InMemorySaver()} | options
    return build_graph(catalogue=CARDS, models=models, **options)


async def test_an_expensive_call_waits_for_approval():
    for ask, resume in ((one := graph()).invoke, one.invoke), ((two := graph()).ainvoke, two.ainvoke):
        asked = ask(HARD, CONFIG)
        state = await asked if ask == two.ainvoke else asked
        (waiting,) = state["__interrupt__"]
        assert waiting.value["models"] == ["large"] and waiting.value["usd"] > 1.0
        assert "large" in waiting.value["reason"] and state["attempts"] == []
        resumed = resume(Command(resume=True), CONFIG)
        final = await resumed if resume == two.ainvoke else resumed
        assert final["result"] == "large answer"
        assert final["path"] == ["router", "approval", "large", "verifier"]


def test_where_it_is_refused_the_next_best_cheaper_model_answers():
    one = graph()
    one.invoke(HARD, CONFIG)
    final = one.invoke(Command(resume=False), CONFIG)
    assert final["model"] in ("small", "middle") and final["path"][:2] == ["router", "approval"]
    assert final["decision"]["model"] == final["model"], (
        "the decision on record is the one that was carried out"
    )
    assert final["decision"]["barred"]["large"] == "refused by a person"
    assert [attempt["model"] for attempt in final["attempts"]] == [final["model"]]


def test_every_expensive_choice_is_asked_about_and_nothing_is_spent_when_all_are_refused():
    one = graph(approve_above_usd=1e-9, strategy="fallback(cost_based)")
    state = one.invoke(HARD, CONFIG)
    asked = []
    while "__interrupt__" in state:
        asked += state["__interrupt__"][0].value["models"]
        state = one.invoke(Command(resume=False), CONFIG)
    assert asked == ["large", *sorted(asked[1:], key=lambda name: -CARDS[name].usd_per_mtok_in)]
    assert state["model"] is None and state["usd"] == 0.0 and "refused by a person" in state["error"]


def test_what_is_cheap_is_not_asked_about():
    assert graph().invoke({"input": "hi", "task_type": "cheap"}, CONFIG)["path"] == [
        "router",
        "small",
        "verifier",
    ]


def test_an_escalation_waits_too_and_refused_leaves_the_answer_in_hand():
    def doubt(task, attempt, forecast):
        return Evidence("taste", 0.1, "poor")

    def climb(situation):
        asked = {attempt.model for attempt in situation.attempts}
        left = [f.model for f in situation.open() if f.model not in asked]
        return Ask((left[0],)) if left else Accept(situation.best())

    one = graph(strategy=climb, verifier=[doubt])
    state = one.invoke({"input": "hi"}, CONFIG)
    assert [attempt["model"] for attempt in state["attempts"]] == ["small", "middle"]
    final = one.invoke(Command(resume=False), CONFIG)
    assert final["result"] == "small answer" and final["decision"]["model"] == "small"


def test_refusal_holds_for_one_request_only():
    one = graph()
    one.invoke(HARD, CONFIG)
    one.invoke(Command(resume=False), CONFIG)
    assert one.invoke(HARD, CONFIG)["__interrupt__"][0].value["models"] == ["large"]
    assert one.invoke(Command(resume=True), CONFIG)["model"] == "large"


def test_an_approval_is_true_or_false():
    one = graph()
    one.invoke(HARD, CONFIG)
    for wrong in ("yes", 1, ["no"]):
        told = one.invoke(Command(resume=wrong), CONFIG)["__interrupt__"][0].value
        assert f"the approval is {wrong!r}; resume with True" in told["error"] and told["models"] == ["large"]
    assert one.invoke(Command(resume=True), CONFIG)["model"] == "large", "a wrong answer can be mended"
    with pytest.raises(UsageError, match="approve_above_usd is 0"):
        graph(approve_above_usd=0)


def test_a_model_denied_while_the_request_waits_is_not_asked_instead():
    one = graph()
    one.invoke(HARD, CONFIG)
    final = one.invoke(Command(resume=False, update={"deny": ["small", "middle"]}), CONFIG)
    assert final["model"] is None and final["attempts"] == [] and "denied by the request" in final["error"]


def test_a_waiting_request_shows_nothing_of_the_answer_before_it():
    one = graph()
    one.invoke({"input": "hi", "task_type": "cheap"}, CONFIG)
    state = one.invoke(HARD, CONFIG)
    assert state["input"] == HARD["input"] and "__interrupt__" in state
    assert not any(state[key] for key in ("result", "model", "confidence", "error", "note", "tool_calls"))


def test_the_picture_shows_the_approval_only_where_it_is_asked_for():
    assert "approval -.-> large" in graph().get_graph().draw_mermaid()
    assert "approval" not in graph(approve_above_usd=None).get_graph().draw_mermaid()
