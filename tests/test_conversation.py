"""Conversations: what routing reads of them, which models can take them, what they cost, who keeps them."""

import numpy as np
import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver

from orchestrator.graph import build_graph
from orchestrator.models import ScriptedModel
from orchestrator.nodes import conversation
from router_training.contract import Forecast, Forecasts, ModelCard, UsageError

PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
LONG = "Please explain in detail how a distributed cache keeps its copies consistent."
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


@pytest.mark.parametrize(
    ("turns", "seen"),
    [
        (["Hi", LONG], LONG),
        ([LONG, "And in German?"], f"{LONG}\nAnd in German?"),
        (["One?", "Two?", "Three?", "Four?"], "Two?\nThree?\nFour?"),
        (["Why?"], "Why?"),
        ([], "Be brief."),
    ],
)
def test_the_encoder_sees_the_last_turn_and_those_before_it_only_where_it_is_short(turns, seen):
    messages = [SystemMessage("Be brief.")]
    for turn in turns:
        messages += [HumanMessage(turn), AIMessage("some answer")]
    assert conversation.shown(messages) == seen


def test_pictures_need_vision_and_tools_need_tools():
    picture = HumanMessage([{"type": "text", "text": "What is this?"}, PICTURE])
    assert conversation.needs_of([picture], False) == {"vision"}
    assert conversation.needs_of([HumanMessage("hi"), picture, AIMessage("a cat")], True) == {
        "vision",
        "tools",
    }
    assert conversation.needs_of([ToolMessage("rain", tool_call_id="1")], False) == {"tools"}
    assert conversation.needs_of([HumanMessage("hi"), AIMessage("ho")], False) == frozenset()
    assert conversation.tokens_of([picture]) > conversation.tokens_of([HumanMessage("What is this?")]) + 500


CARDS = {
    "small": ModelCard("small", 1.0, 1.0, context_tokens=2_000),
    "seeing": ModelCard("seeing", 5.0, 5.0, capabilities=frozenset({"text", "vision"})),
    "coding": ModelCard("coding", 5.0, 5.0, capabilities=frozenset({"text", "code", "tools"})),
}


def graph(**options):
    models = {name: ScriptedModel(label=name, script=f"{name} answer") for name in CARDS}
    return build_graph(**({"catalogue": CARDS, "models": models} | options))


@pytest.mark.parametrize(
    "strategy", ["cascade", "cost_based", "fallback", "ensemble", "latency_aware", "task_based"]
)
def test_pictures_only_ever_reach_models_that_see(strategy):
    messages = [HumanMessage([{"type": "text", "text": "What is this?"}, PICTURE])]
    state = graph(strategy=strategy).invoke({"messages": messages})
    assert [attempt["model"] for attempt in state["attempts"]] == ["seeing"]
    later = [
        *messages,
        AIMessage("A cat."),
        HumanMessage("Which colour does it have, please, would you say?"),
    ]
    assert graph(strategy=strategy).invoke({"messages": later})["model"] == "seeing"


def test_a_request_that_no_model_can_take_is_an_error_before_any_call():
    blind = {name: card for name, card in CARDS.items() if name != "seeing"}
    state = graph(catalogue=blind).invoke(
        {"messages": [HumanMessage([{"type": "text", "text": "Hm?"}, PICTURE])]}
    )
    assert state["model"] is None and state["attempts"] == [] and state["usd"] == 0.0
    assert "small lacks vision" in state["error"] and "coding lacks vision" in state["error"]
    state = graph(catalogue={"small": CARDS["small"]}).invoke({"input": "Weather?", "tools": [WEATHER]})
    assert "small lacks tools" in state["error"] and state["attempts"] == []


def test_tools_and_code_go_to_cards_that_have_the_capability():
    assert graph().invoke({"input": "Weather?", "tools": [WEATHER]})["model"] == "coding"
    assert graph().invoke({"input": "Sort a list.", "task_type": "code"})["model"] == "coding"
    nobody = {"small": CARDS["small"], "seeing": CARDS["seeing"]}
    assert graph(catalogue=nobody).invoke({"input": "Sort a list.", "task_type": "code"})["model"] == "small"


def test_the_whole_conversation_counts_against_the_context():
    messages = [HumanMessage("word " * 1_500), AIMessage("Yes."), HumanMessage(LONG)]
    state = graph().invoke({"messages": messages})
    assert "small takes 2,000 tokens" in state["decision"]["barred"]["small"]


def test_every_model_is_charged_for_reading_the_conversation_and_the_last_one_less():
    cards = {
        "own": ModelCard("own", 10.0, 10.0, usd_per_mtok_in_cached=1.0),
        "other": ModelCard("other", 10.0, 10.0, usd_per_mtok_in_cached=1.0),
    }
    answer = AIMessage("word " * 400, response_metadata={"model": "own"})
    messages = [HumanMessage("word " * 400), answer, HumanMessage(LONG)]
    flat = [Forecast(name, 0.5, 0.0, 1.0, usd_high=0.001) for name in cards]
    own, other = conversation.priced(flat, cards, messages, None)
    earlier = conversation.tokens_of(messages[:2])
    assert other.usd == pytest.approx(10.0 * earlier / 1e6) and own.usd == pytest.approx(1.0 * earlier / 1e6)
    assert own.usd_high == other.usd_high == pytest.approx(0.001 + 10.0 * earlier / 1e6), (
        "a cache may be cold"
    )
    assert conversation.priced(flat, cards, [HumanMessage(LONG)], None) == tuple(flat)


class Fickle:
    """A policy that prefers `dear` by this much whenever the prompt says so."""

    models = ("cheap", "dear")

    def __init__(self, gap):
        self.gap = gap

    def forecast(self, prompts):
        p = np.array([[0.5, 0.5 + self.gap * (1 if "dear" in prompt else -1)] for prompt in prompts])
        same = np.zeros((len(prompts), 2))
        return Forecasts(self.models, p, same, same + 1.0, np.zeros(len(prompts)))


TURNS = [
    f"Please tell the {word} model a rather long story about the sea." for word in ("cheap", "dear", "cheap")
]


def models_of(thread, **options):
    models = {name: ScriptedModel(label=name, script=f"{name} answer") for name in Fickle.models}
    one = build_graph(models=models, checkpointer=InMemorySaver(), strategy="cost_based", dial=1.0, **options)
    config = {"configurable": {"thread_id": thread}}
    return [one.invoke({"messages": [HumanMessage(turn)]}, config)["model"] for turn in TURNS]


def test_a_sticky_conversation_stays_until_another_model_is_worth_the_margin():
    assert models_of("1", policy=Fickle(0.1)) == ["cheap", "dear", "cheap"]
    assert models_of("2", policy=Fickle(0.1), sticky=0.2) == ["cheap", "cheap", "cheap"]
    assert models_of("3", policy=Fickle(0.3), sticky=0.2) == ["cheap", "dear", "cheap"]
    assert models_of("4", policy=Fickle(0.1), sticky=0.0) == ["cheap", "dear", "cheap"]


def test_stickiness_needs_no_checkpointer_where_the_caller_sends_our_messages_back():
    models = {name: ScriptedModel(label=name, script=f"{name} answer") for name in Fickle.models}
    one = build_graph(Fickle(0.1), models=models, strategy="cost_based", dial=1.0, sticky=0.2)
    first = one.invoke({"messages": [HumanMessage(TURNS[0])]})
    second = one.invoke({"messages": [*first["messages"], HumanMessage(TURNS[1])]})
    alien = one.invoke({"messages": [HumanMessage("hi"), AIMessage("ho"), HumanMessage(TURNS[1])]})
    assert (first["model"], second["model"], alien["model"]) == ("cheap", "cheap", "dear")


def test_a_model_that_kept_a_conversation_is_left_when_it_fails():
    answers = iter(["first", ConnectionError("gone"), ConnectionError("gone"), ConnectionError("gone")])
    models = {
        "cheap": ScriptedModel(label="cheap", script=lambda prompt: next(answers)),
        "dear": ScriptedModel(label="dear", script="dear answer"),
    }
    one = build_graph(Fickle(0.1), models=models, strategy="fallback(cost_based)", dial=1.0, sticky=0.2)
    first = one.invoke({"messages": [HumanMessage(TURNS[0])]})
    second = one.invoke({"messages": [*first["messages"], HumanMessage(TURNS[1])]})
    assert (first["model"], second["model"]) == ("cheap", "dear")


def test_a_margin_below_zero_is_refused():
    with pytest.raises(UsageError, match="sticky is -1"):
        graph(sticky=-1)
