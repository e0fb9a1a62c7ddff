"""A thread of a checkpointer: what one request set, or left behind, is not the next one's."""

import pytest
from hypothesis import given, settings, strategies as st
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from orchestrator.graph import build_graph
from orchestrator.models import Reply, ScriptedModel
from orchestrator.shadowing import Shadow, Shadows
from router_training.contract import ModelCard, UsageError

CARDS = {
    "fast": ModelCard("fast", 0.1, 0.4, roles=("cheap", "fast"), capabilities=frozenset({"text", "tools"})),
    "strong": ModelCard("strong", 5.0, 20.0, capabilities=frozenset({"text", "tools"})),
}
THREAD = {"configurable": {"thread_id": "1"}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {}}}
SET = {
    "dial": 0.0,
    "max_usd": 1.0,
    "deadline_s": 60.0,
    "max_attempts": 1,
    "min_quality": 0.1,
    "allow": ["strong"],
    "deny": ["fast"],
    "tools": [TOOL],
    "tool_choice": "auto",
    "response_format": {"type": "json_object"},
    "options": {"temperature": 0.5},
}


def graph(**options):
    models = {name: ScriptedModel(label=name, script=lambda p, name=name: f"[{name}] {p}") for name in CARDS}
    return build_graph(catalogue=CARDS, models=models, **({"checkpointer": InMemorySaver()} | options))


@tool
def pay(amount: int) -> str:
    """Pay."""
    return "paid" if interrupt(f"pay {amount}?") else "refused"


def paying(names=("fast",), **options):
    """A graph whose models call the tool when they are to pay."""
    calls = ({"name": "pay", "args": {"amount": 5}, "id": "c1"},)

    def script(prompt):
        return Reply("", 1, 1, tool_calls=calls) if prompt == "pay" else Reply(f"re: {prompt}", 1, 1)

    cards = {name: CARDS[name] for name in names}
    models = {name: ScriptedModel(label=name, script=script) for name in names}
    return build_graph(catalogue=cards, models=models, tools=[pay], checkpointer=InMemorySaver(), **options)


def test_limits_tools_and_options_hold_for_one_request_of_a_thread():
    one = graph()
    assert one.invoke({"input": "one", "deny": ["fast"], "max_usd": 0.0}, THREAD)["model"] is None
    assert one.invoke({"input": "two"}, THREAD)["model"] == "fast"
    assert one.invoke({"input": "three", **SET}, THREAD)["model"] == "strong"
    kept = one.get_state(THREAD).values
    assert {key: kept[key] for key in SET} == dict.fromkeys(SET)
    assert one.invoke({"input": "four"}, THREAD)["model"] == "fast"


def test_the_task_type_of_a_thread_holds_until_another_is_set():
    one = graph()
    asked = ({"task_type": "complex"}, {}, {"task_type": None})
    models = [one.invoke({"input": "Why?", **more}, THREAD)["model"] for more in asked]
    assert models == ["strong", "strong", "fast"]


def test_feedback_and_the_note_see_the_limits_of_the_request():
    seen = []
    one = graph(feedback=seen.append)
    state = one.invoke({"input": "one", "dial": 0.3, "min_quality": 1.0, "deny": ["fast"]}, THREAD)
    assert seen[0].decision.dial == 0.3 and seen[0].decision.barred == {"fast": "denied by the request"}
    assert state["note"] is None
    noted = one.invoke({"input": "two", "min_quality": 1.0, "max_usd": 1e-3, "task_type": "complex"}, THREAD)
    assert noted["model"] == "fast" and "min_quality 1 was not reached" in noted["note"]
    assert one.invoke({"input": "three", "task_type": None}, THREAD)["note"] is None


def test_a_shadow_sees_the_options_of_the_request():
    seen, options = [], []
    shadows = Shadows(Shadow(1.0), seen.append, options=lambda given: (options.append(given), dict(given))[1])
    one = graph(shadow=shadows)
    one.invoke({"input": "one", "options": {"stop": ["."]}}, THREAD)
    shadows.wait()
    assert options == [{"stop": ["."]}] and [record.model for record in seen] == ["strong"]


@pytest.mark.parametrize("bad", [{"dial": 8}, {"max_usd": -1}, {"deny": ["nobody"]}, {"allow": "fast"}])
@pytest.mark.parametrize("ask", [{"input": "one"}, {"messages": [("user", "one")]}])
async def test_a_request_refused_for_its_limits_does_not_spoil_the_thread(bad, ask):
    for later, approval in ((False, None), (True, 0.001)):
        one = graph(approve_above_usd=approval)
        with pytest.raises(UsageError, match=f"{next(iter(bad))}|nobody"):
            await one.ainvoke({**ask, **bad}, THREAD) if later else one.invoke({**ask, **bad}, THREAD)
        assert one.invoke({"input": "two"}, THREAD)["result"] == "[fast] two"


def test_what_was_set_by_a_request_left_waiting_holds_until_the_thread_is_answered():
    one = graph(approve_above_usd=0.001)
    one.invoke({"input": "one", "task_type": "complex", "max_attempts": 1}, THREAD)
    assert one.get_state(THREAD).values["max_attempts"] == 1
    one.invoke({"input": "two", "task_type": "quick"}, THREAD)
    assert one.get_state(THREAD).values["max_attempts"] is None


def test_a_model_denied_between_two_steps_is_not_asked():
    def climb(situation):
        from orchestrator.moves import Accept, Ask

        left = [one.model for one in situation.open()]
        return Ask((left[0],)) if left else Accept(situation.best())

    one = graph(strategy=climb)
    one.invoke({"input": "x"}, THREAD, interrupt_before=["verifier"])
    one.update_state(THREAD, {"deny": ["strong"]})
    assert [tried["model"] for tried in one.invoke(None, THREAD)["attempts"]] == ["fast"]


def test_a_state_that_knows_nothing_of_what_stands_goes_on():
    one = graph()
    one.invoke({"input": "x", "min_quality": 0.5}, THREAD, interrupt_before=["verifier"])
    one.update_state(THREAD, {"standing": None})
    assert one.invoke(None, THREAD)["model"] == "fast"


@pytest.mark.parametrize("strategy", ["cascade", "ensemble"])
def test_a_request_left_in_a_round_of_tools_makes_way_for_the_next(strategy):
    one = paying(names=tuple(CARDS) if strategy == "ensemble" else ("fast",), strategy=strategy)
    assert "__interrupt__" in one.invoke({"input": "pay"}, THREAD)
    state = one.invoke({"input": "never mind, hello"}, THREAD)
    assert state["result"] == "re: never mind, hello" and "tools" not in state["path"]


def test_a_tool_that_asks_a_person_still_goes_on_where_it_stopped():
    one = paying()
    one.invoke({"input": "pay"}, THREAD)
    told = one.invoke(Command(resume=True), THREAD)
    assert told["attempts"][0]["tool_calls"][0]["result"] == "paid"


def test_what_is_asked_last_is_answered_whatever_was_left_without_an_answer():
    one = graph(approve_above_usd=0.001)
    left = {"messages": [HumanMessage("first")], "task_type": "complex"}
    assert "__interrupt__" in one.invoke(left, THREAD)
    second = one.invoke({"input": "second", "task_type": "quick"}, THREAD)
    assert second["result"] == "[fast] second" and len(second["messages"]) == 1
    assert one.invoke({"input": "third"}, THREAD)["result"] == "[fast] third"
    fourth = one.invoke({"messages": [HumanMessage("fourth")]}, THREAD)
    assert fourth["result"] == "[fast] fourth" and isinstance(fourth["messages"][-1], AIMessage)
    assert one.invoke({"input": "fifth"}, THREAD)["result"] == "[fast] fifth"


def test_a_shadow_is_asked_what_was_answered_and_not_what_was_left():
    seen = []
    shadows = Shadows(Shadow(1.0), seen.append)
    one = graph(approve_above_usd=0.006, shadow=shadows, strategy="cost_based")
    one.invoke({"messages": [HumanMessage("first")], "allow": ["fast"]}, THREAD, interrupt_before=["fast"])
    one.invoke({"input": "second", "allow": None}, THREAD)
    shadows.wait()
    assert [record.result for record in seen] == ["[strong] second"]


def test_messages_left_without_an_answer_may_be_sent_again():
    one = graph(approve_above_usd=0.001)
    again = {"messages": [HumanMessage("first", id="m1")]}
    one.invoke({**again, "task_type": "complex"}, THREAD)
    state = one.invoke({**again, "task_type": "quick"}, THREAD)
    assert state["result"] == "[fast] first" and len(state["messages"]) == 2


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["input", "messages"]),
        st.sampled_from(["quick", "complex"]),
        st.sampled_from([None, {"deny": ["fast"]}, {"dial": 8}, {"max_usd": 0.0}]),
        st.sampled_from([None, True, False]),
    ),
    max_size=8,
)


@settings(max_examples=60)
@given(STEPS)
def test_whatever_came_before_the_newest_request_is_answered_within_its_own_limits(steps):
    one, waiting = graph(approve_above_usd=0.001), {}
    for number, (key, task_type, limits, approval) in enumerate(steps):
        text = f"request {number}"
        asked = {key: text if key == "input" else [("user", text)], "task_type": task_type}
        if limits == {"dial": 8}:
            with pytest.raises(UsageError, match="dial is 8"):
                one.invoke({**asked, **limits}, THREAD)
            waiting = {}
            continue
        state = one.invoke({**asked, **(limits or {})}, THREAD)
        holds = waiting | (limits or {})
        if "__interrupt__" in state:
            assert "max_usd" not in holds and not state.get("result")
            waiting = holds
            if approval is None:
                continue
            state = one.invoke(Command(resume=approval), THREAD)
        if "__interrupt__" in state:
            continue
        waiting = {}
        if state["model"] is None:
            assert "max_usd" in holds or "deny" in holds
        else:
            assert "max_usd" not in holds and not ("deny" in holds and state["model"] == "fast")
            assert state["result"] == f"[{state['model']}] {text}"
