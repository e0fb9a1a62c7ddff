"""What streams show: tokens as they are written where no check follows, never a draft that may be refused."""

from typing import TypedDict

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from orchestrator.graph import build_graph
from orchestrator.models import ScriptedModel
from router_training.contract import Evidence

WORDS = ["one", " ", "two", " ", "three"]


def writer(text="one two three"):
    return GenericFakeChatModel(messages=iter([AIMessage(text)] * 3))


def graph(strategy, **options):
    return build_graph(models={"writer": writer()}, strategy=strategy, **options)


async def parts(one, request, **options):
    return [message async for message, _ in one.astream(request, stream_mode="messages", **options)]


@pytest.mark.parametrize("request_", [{"input": "hi"}, {"messages": [HumanMessage("hi")]}])
async def test_tokens_reach_the_caller_as_they_are_written_where_no_check_follows(request_):
    streamed = [part.content for part, _ in graph("cost_based").stream(request_, stream_mode="messages")]
    assert [text for text in streamed if text] == WORDS
    assert [part.content for part in await parts(graph("cost_based"), request_) if part.content] == WORDS


@pytest.mark.parametrize("request_", [{"input": "hi"}, {"messages": [HumanMessage("hi")]}])
async def test_a_checked_answer_comes_whole_and_once(request_):
    streamed = [part for part, _ in graph("cascade").stream(request_, stream_mode="messages")]
    assert [part.content for part in streamed] == ["one two three"]
    assert [part.content for part in await parts(graph("cascade"), request_)] == ["one two three"]


async def test_no_token_of_a_refused_draft_ever_reaches_the_caller():
    models = {"fast": writer("secret draft"), "strong": writer("good answer")}

    def doubt(task, attempt, forecast):
        return Evidence("taste", 0.1 if attempt.model == "fast" else 0.9, "taste")

    one = build_graph(models=models, strategy="cascade", verifier=[doubt])
    request = {"input": "hi", "task_type": "quick", "dial": 1.0}
    streamed = await parts(one, request)
    assert "secret" not in "".join(str(part.content) for part in streamed)
    asked = [attempt["model"] for attempt in (await one.ainvoke(request))["attempts"]]
    assert asked[0] == "fast", "the draft was written, and kept back"


def test_updates_follow_the_path_and_values_end_with_the_answer():
    one = graph("cascade")
    assert [next(iter(step)) for step in one.stream({"input": "hi"}, stream_mode="updates")] == [
        "router",
        "writer",
        "verifier",
    ]
    assert list(one.stream({"input": "hi"}, stream_mode="values"))[-1]["result"] == "one two three"


def test_a_batch_answers_in_order():
    one = build_graph(models={"echo": ScriptedModel(label="echo", script=lambda prompt: f"{prompt}!")})
    states = one.batch([{"input": str(i)} for i in range(20)])
    assert [state["result"] for state in states] == [f"{i}!" for i in range(20)]


async def test_it_is_a_subgraph_that_shares_keys_with_a_graph_of_the_users():
    outer = StateGraph(MessagesState)
    outer.add_node("answer", graph("cascade"))
    outer.add_edge(START, "answer")
    outer.add_edge("answer", END)
    saver = InMemorySaver()
    one = outer.compile(checkpointer=saver)
    config = {"configurable": {"thread_id": "1"}}
    first = one.invoke({"messages": [HumanMessage("hi")]}, config)
    second = await one.ainvoke({"messages": [HumanMessage("again")]}, config)
    assert [m.content for m in first["messages"]] == ["hi", "one two three"]
    assert [m.content for m in second["messages"]] == ["hi", "one two three", "again", "one two three"]


async def test_it_is_called_from_a_node_of_a_graph_with_keys_of_its_own():
    class Ticket(TypedDict, total=False):
        complaint: str
        reply: str
        usd: float

    inner = graph("cascade")

    def answer(ticket):
        state = inner.invoke({"input": ticket["complaint"]})
        return {"reply": state["result"], "usd": state["usd"]}

    async def later(ticket):
        return {"reply": (await inner.ainvoke({"input": ticket["complaint"]}))["result"]}

    outer = StateGraph(Ticket)
    outer.add_node("first", answer)
    outer.add_node("second", later)
    outer.add_edge(START, "first")
    outer.add_edge("first", "second")
    outer.add_edge("second", END)
    assert (await outer.compile().ainvoke({"complaint": "It is broken."}))["reply"] == "one two three"
