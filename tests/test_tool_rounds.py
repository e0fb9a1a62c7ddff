"""Models call tools: those of the graph run here, those of the caller are handed over, and limits hold."""

import json
import threading

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from orchestrator import tools
from orchestrator.graph import build_graph
from orchestrator.models import ModelError, Reply, ScriptedModel
from orchestrator.moves import Accept, Ask
from router_training.contract import ModelCard, UsageError

TOOLS = frozenset({"text", "tools"})
CARDS = {
    "small": ModelCard("small", 1.0, 1.0, capabilities=TOOLS),
    "large": ModelCard("large", 10.0, 10.0, capabilities=TOOLS),
    "plain": ModelCard("plain", 0.1, 0.1),
}
QUESTION = "What is 6 times 7?"
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "Tell the weather", "parameters": {"type": "object"}},
}


def calls(*pairs, text=""):
    listed = tuple({"name": name, "args": args, "id": f"c{i}"} for i, (name, args) in enumerate(pairs))
    return Reply(text, 10, 5, tool_calls=listed)


MULTIPLY = calls(("calculator", {"expression": "6 * 7"}))


class Listening(ScriptedModel):
    """A scripted model that keeps what it was sent, and the tools it was offered."""

    def _generate(self, messages, stop=None, run_manager=None, **kwargs):
        HEARD.append(
            (self.label, messages, [one["function"]["name"] for one in kwargs.get("tools", [])], kwargs)
        )
        return super()._generate(messages, stop, run_manager, **kwargs)

    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
        return self._generate(messages, stop, run_manager, **kwargs)


HEARD = []


@pytest.fixture(autouse=True)
def _silence():
    HEARD.clear()


def graph(script, *, others="other answer", names=("small",), **options):
    models = {name: Listening(label=name, script=script if name in names else others) for name in CARDS}
    options = {"tools": tools.standard(), "strategy": asking("small"), "catalogue": CARDS} | options
    return build_graph(models=models, **options)


def asking(*models, check=True):
    def strategy(situation):
        best = situation.best()
        return Ask(models, check) if not situation.attempts or best is None else Accept(best)

    return strategy


def script_of(replies):
    return lambda prompt: replies.get(prompt, ModelError(f"no answer to {prompt!r}"))


async def test_a_registered_tool_runs_and_the_model_goes_on_with_its_result():
    one = graph(script_of({QUESTION: MULTIPLY, "42": Reply("It is 42.", 20, 4)}))
    for state in (one.invoke({"input": QUESTION}), await one.ainvoke({"input": QUESTION})):
        assert (state["result"], state["model"], state["tool_calls"]) == ("It is 42.", "small", [])
        assert state["path"] == ["router", "small", "tools", "small", "verifier"]
        (attempt,) = state["attempts"]
        (call,) = attempt["tool_calls"]
        assert (call["name"], json.loads(call["args"]), call["result"]) == (
            "calculator",
            {"expression": "6 * 7"},
            "42",
        )
        assert (attempt["prompt_tokens"], attempt["completion_tokens"]) == (30, 9)
        assert attempt["usd"] == state["usd"] == pytest.approx(39 / 1e6)
    sent = HEARD[1][1]
    assert [message.type for message in sent] == ["human", "ai", "tool"]
    assert sent[1].tool_calls[0]["id"] == sent[2].tool_call_id == "c0"


def test_only_cards_with_the_capability_are_offered_tools():
    one = graph("fine", strategy=asking("small", "plain"))
    one.invoke({"input": QUESTION})
    offered = {label: names for label, _, names, _ in HEARD}
    assert offered == {"small": list(tools.available()), "plain": []}


def test_several_calls_of_one_round_run_at_once():
    meeting = threading.Barrier(2, timeout=20)

    @tool
    def meet(text: str) -> str:
        """Wait for the other call."""
        meeting.wait()
        return text

    both = calls(("meet", {"text": "a"}), ("meet", {"text": "b"}))
    one = graph(script_of({QUESTION: both, "b": "done"}), tools=[meet])
    state = one.invoke({"input": QUESTION})
    assert [call["result"] for call in state["attempts"][0]["tool_calls"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (("calculator", {"expression": "1 / 0"}), "has no value"),
        (("calculator", {"wrong": 1}), "error: "),
        (("shell", {"command": "ls"}), "error: there is no tool 'shell'; there are calculator"),
        (("broken", {}), "error: the disk is full"),
    ],
)
def test_a_tool_that_fails_is_told_to_the_model_which_may_do_better(call, told):
    @tool
    def broken() -> str:
        """Break."""
        raise RuntimeError("the disk is full")

    heard = []

    def script(prompt):
        heard.append(prompt)
        return calls(call) if prompt == QUESTION else "I could not find out."

    state = graph(script, tools=[*tools.standard(), broken]).invoke({"input": QUESTION})
    assert state["result"] == "I could not find out." and told in heard[1]
    assert told in state["attempts"][0]["tool_calls"][0]["result"]


async def test_a_tool_that_hangs_is_given_up():
    end = threading.Event()

    @tool
    def hang() -> str:
        """Never return in time."""
        end.wait(60)
        return "late"

    def script(prompt):
        return calls(("hang", {})) if prompt == QUESTION else f"I heard: {prompt}"

    one = graph(script, tools=[hang], tool_timeout_s=0.1)
    for state in (one.invoke({"input": QUESTION}), await one.ainvoke({"input": QUESTION})):
        assert "hang took more than 0.1 s" in state["result"]
    end.set()


def test_a_model_that_never_stops_calling_tools_has_failed_and_another_may_answer():
    state = graph(MULTIPLY).invoke({"input": QUESTION, "allow": ["small"]})
    assert state["model"] is None and "called tools for more than 4 rounds" in state["error"]
    assert len(HEARD) == 5 and state["usd"] == pytest.approx(5 * 15 / 1e6)
    assert [call["result"] for call in state["attempts"][0]["tool_calls"]] == ["42"] * 4 + [None]
    assert state["tool_calls"] == []
    assert (
        graph(MULTIPLY, strategy="fallback", names=("small", "large")).invoke({"input": QUESTION})["model"]
        == "plain"
    )


def test_bad_options_are_refused():
    with pytest.raises(UsageError, match="two tools share a name"):
        graph("x", tools=[*tools.standard(), *tools.standard()])
    with pytest.raises(UsageError, match="tool_timeout_s is 0"):
        graph("x", tool_timeout_s=0)


def test_a_follow_up_call_that_the_budget_does_not_allow_is_not_made():
    one = graph(script_of({QUESTION: Reply("", 10, 5000, tool_calls=MULTIPLY.tool_calls), "42": "42"}))
    state = one.invoke({"input": QUESTION, "max_usd": 0.0055, "allow": ["small"]})
    assert len(HEARD) == 1 and state["model"] is None and state["usd"] <= 0.0055
    assert "another call might cost" in state["error"]


def test_tools_of_the_request_are_handed_to_the_caller_untouched():
    asked = calls(("weather", {"city": "Paris"}))
    one = graph(script_of({QUESTION: asked}), strategy=asking("small"))
    state = one.invoke({"messages": [HumanMessage(QUESTION)], "tools": [WEATHER], "tool_choice": "auto"})
    assert state["tool_calls"] == [
        {"name": "weather", "args": {"city": "Paris"}, "id": "c0", "type": "tool_call"}
    ]
    last = state["messages"][-1]
    assert isinstance(last, AIMessage) and last.tool_calls[0]["args"] == {"city": "Paris"}
    assert state["path"] == ["router", "small", "verifier"]
    assert HEARD[0][2] == [*tools.available(), "weather"] and HEARD[0][3]["tool_choice"] == "auto"
    assert state["confidence"] == state["decision"]["forecasts"][0]["p_success"]
    assert state["attempts"][0]["evidence"][0]["p_correct"] is None


def test_a_caller_answers_its_tool_calls_and_the_conversation_goes_on():
    asked = calls(("weather", {"city": "Paris"}))
    one = graph(script_of({QUESTION: asked, "rain": "Take a coat."}), checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    first = one.invoke({"messages": [HumanMessage(QUESTION)], "tools": [WEATHER]}, config)
    result = ToolMessage("rain", tool_call_id=first["tool_calls"][0]["id"])
    second = one.invoke({"messages": [result], "tools": [WEATHER]}, config)
    assert second["result"] == "Take a coat." and second["tool_calls"] == []


def test_of_mixed_calls_only_the_callers_stand():
    both = calls(("calculator", {"expression": "1"}), ("weather", {}))
    state = graph(script_of({QUESTION: both})).invoke({"input": QUESTION, "tools": [WEATHER]})
    assert [call["name"] for call in state["tool_calls"]] == ["weather"]
    assert state["path"] == ["router", "small", "verifier"]


def test_a_tool_of_the_request_takes_the_place_of_a_registered_one_of_that_name():
    mine = {**WEATHER, "function": {**WEATHER["function"], "name": "calculator"}}
    state = graph(MULTIPLY).invoke({"input": QUESTION, "tools": [mine]})
    assert HEARD[0][2].count("calculator") == 1
    assert [call["name"] for call in state["tool_calls"]] == ["calculator"]


@pytest.mark.parametrize("fast", ["small", "large"])
def test_when_several_are_asked_the_verifier_waits_for_the_one_with_tools(fast):
    slow = {"small": "large", "large": "small"}[fast]
    one = graph(
        script_of({QUESTION: MULTIPLY, "42": "It is 42."}),
        names=(slow,),
        strategy=asking("small", "large"),
    )
    state = one.invoke({"input": QUESTION})
    assert {one["model"]: one["text"] for one in state["attempts"]} == {
        slow: "It is 42.",
        fast: "other answer",
    }
    assert state["path"].count("verifier") == 1


async def test_the_winner_of_a_race_may_call_tools():
    def strategy(situation):
        best = situation.best()
        return Ask(("large",), hedge=("small",), after_s=0.0) if best is None else Accept(best)

    script = script_of({QUESTION: MULTIPLY, "42": "It is 42."})
    one = graph(script, names=("small", "large"), strategy=strategy)
    for state in (one.invoke({"input": QUESTION}), await one.ainvoke({"input": QUESTION})):
        assert state["result"] == "It is 42." and state["path"][2] == "tools"


async def test_an_asynchronous_tool_runs_too_and_state_stays_plain():
    @tool
    def calculator(expression: str) -> str:
        """Work it out."""
        return "42"

    saver = InMemorySaver()
    one = graph(script_of({QUESTION: MULTIPLY, "42": "It is 42."}), tools=[calculator], checkpointer=saver)
    config = {"configurable": {"thread_id": "1"}}
    await one.ainvoke({"input": QUESTION}, config)
    kept = (await one.aget_state(config)).values
    assert kept["turns"] == {} and kept["drafts"] == []
    assert json.dumps(json.loads(json.dumps(kept))) == json.dumps(kept), (
        "plain, but for NaN, which is unlike itself"
    )


def test_a_thread_stopped_before_the_tools_goes_on_with_them():
    saver = InMemorySaver()
    one = graph(script_of({QUESTION: MULTIPLY, "42": "It is 42."}), checkpointer=saver)
    config = {"configurable": {"thread_id": "1"}}
    one.invoke({"input": QUESTION}, config, interrupt_before=["tools"])
    kept = one.get_state(config).values
    assert json.dumps(json.loads(json.dumps(kept))) == json.dumps(kept)
    assert one.invoke(None, config)["result"] == "It is 42."


def test_the_picture_shows_the_tools():
    picture = graph("x").get_graph().draw_mermaid()
    for edge in ("small -.-> tools", "tools -.-> small", "small -.-> verifier", "tools -.-> verifier"):
        assert edge in picture
