"""A share of requests goes to another model: by chance, as often as stated, and never past a limit."""

from collections import Counter

import pytest
from hypothesis import given, strategies as st

from orchestrator.exploring import Exploration
from orchestrator.graph import build_graph
from orchestrator.limits import Limits
from orchestrator.models import ScriptedModel
from orchestrator.moves import Ask, GiveUp, Situation
from router_training.contract import Forecast, ModelCard, Task, UsageError

CARDS = (Forecast("a", 0.9, 1.0, 1.0), Forecast("b", 0.5, 2.0, 2.0), Forecast("c", 0.4, 4.0, 9.0))
CHOSEN = Ask(("a",))


def situation(**limits):
    return Situation(Task("hi"), CARDS, limits=Limits(**limits))


def drawn(share, at, n=4000):
    moves = [Exploration(share).turned(CHOSEN, at, f"request {i}") for i in range(n)]
    return Counter((move.models[0], propensity) for move, propensity in moves)


def test_models_are_asked_as_often_as_their_propensity_says():
    found = drawn(0.2, situation())
    assert set(found) == {("a", 0.8), ("b", 0.1), ("c", 0.1)}
    for (_, propensity), count in found.items():
        assert abs(count / 4000 - propensity) < 4 * (propensity * (1 - propensity) / 4000) ** 0.5


def test_nothing_is_explored_when_it_is_off_or_there_is_nobody_else():
    assert set(drawn(0.0, situation(), 100)) == {("a", 1.0)}
    alone = Situation(Task("hi"), CARDS[:1])
    assert set(drawn(0.5, alone, 100)) == {("a", 1.0)}


@given(st.text(), st.floats(0.1, 6.0), st.floats(0.1, 10.0))
def test_no_exploration_passes_a_budget_a_deadline_or_a_ceiling(trace_id, max_usd, deadline_s):
    at = situation(max_usd=max_usd, deadline_s=deadline_s)
    move, propensity = Exploration(0.5, below_usd=3.0).turned(CHOSEN, at, trace_id)
    (model,) = move.models
    cost = {one.model: one for one in CARDS}[model]
    assert model == "a" or (cost.usd <= min(max_usd, 3.0) and cost.latency_s <= deadline_s)
    assert 0.0 < propensity <= 1.0


@pytest.mark.parametrize(
    "move", [Ask(("a", "b")), Ask(("a",), hedge=("b",), after_s=1.0), GiveUp("nothing fits")]
)
def test_moves_that_are_no_single_question_stay(move):
    assert Exploration(0.5).turned(move, situation(), "any") == (move, 1.0)


@pytest.mark.parametrize("share", [-0.1, 0.6, float("nan"), "much"])
def test_a_share_outside_its_range_is_refused(share):
    with pytest.raises(UsageError, match="0 is off"):
        Exploration(share)


def test_the_graph_records_with_what_probability_it_asked_whom():
    cards = {name: ModelCard(name, price, price) for name, price in (("a", 1.0), ("b", 2.0))}
    records = []
    graph = build_graph(
        catalogue=cards,
        models={name: ScriptedModel(label=name, script=name) for name in cards},
        strategy="cost_based",
        feedback=records.append,
        explore=0.5,
    )
    for i in range(40):
        state = graph.invoke({"input": "hi"}, {"configurable": {"trace_id": f"r{i}"}})
        assert state["model"] == state["decision"]["model"] == records[-1].attempts[0].model
        assert records[-1].decision.propensity == 0.5
        assert records[-1].decision.reason.startswith("explored: ") == (state["model"] != "a")
    assert {record.model for record in records} == {"a", "b"}
    again = graph.invoke({"input": "hi"}, {"configurable": {"trace_id": "r0"}})
    assert again["model"] == records[0].model, "the coin is the trace id"


def test_a_conversation_that_sticks_is_not_explored():
    cards = {name: ModelCard(name, 1.0, 1.0) for name in ("a", "b")}
    graph = build_graph(
        catalogue=cards,
        models={name: ScriptedModel(label=name, script=name) for name in cards},
        strategy="cost_based",
        sticky=0.05,
        explore=0.5,
    )
    first = graph.invoke({"messages": [("user", "hi")]})
    for i in range(20):
        talk = [*first["messages"], ("user", f"and {i}?")]
        state = graph.invoke({"messages": talk}, {"configurable": {"trace_id": f"t{i}"}})
        assert state["decision"]["propensity"] == 1.0
