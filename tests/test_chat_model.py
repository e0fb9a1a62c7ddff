"""The graph as a LangChain chat model: invoked, streamed, batched, with tools, inside other graphs."""

from typing import TypedDict

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command
from pydantic import BaseModel

from orchestrator.chat_model import as_chat_model
from orchestrator.graph import build_graph
from orchestrator.models import ModelError, Reply, ScriptedModel
from router_training.contract import ModelCard, UsageError

CARDS = {
    "cheap": ModelCard("cheap", 1.0, 2.0, capabilities=frozenset({"text", "tools"})),
    "strong": ModelCard("strong", 10.0, 20.0),
}


def chat(script, *, strong="strong answer", strategy="cascade", options=None, **kwargs):
    models = {
        "cheap": ScriptedModel(label="cheap", script=script),
        "strong": ScriptedModel(label="strong", script=strong),
    }
    return as_chat_model(
        build_graph(catalogue=CARDS, models=models, strategy=strategy, **kwargs), **(options or {})
    )


async def test_it_answers_like_any_chat_model_and_says_who_did():
    model = chat(Reply("Paris", 7, 1))
    for message in (
        model.invoke("Capital of France?"),
        await model.ainvoke([HumanMessage("Capital of France?")]),
        *model.batch(["Capital of France?"]),
        *await model.abatch(["Capital of France?"]),
    ):
        assert isinstance(message, AIMessage) and message.content == "Paris"
        assert message.usage_metadata == {"input_tokens": 7, "output_tokens": 1, "total_tokens": 8}
        about = message.response_metadata
        assert about["model"] == about["model_name"] == "cheap" and about["path"] == [
            "router",
            "cheap",
            "verifier",
        ]
        assert about["usd"] == pytest.approx(9 / 1e6) and 0.0 <= about["confidence"] <= 1.0


def test_it_fits_into_a_chain():
    chain = (
        ChatPromptTemplate.from_messages([("human", "Capital of {country}?")])
        | chat("Paris")
        | StrOutputParser()
    )
    assert chain.invoke({"country": "France"}) == "Paris"


def test_options_are_set_once_or_per_call():
    model = chat("cheap answer", options={"task_type": "complex"})
    assert model.invoke("hi").content == "strong answer"
    assert model.invoke("hi", task_type="quick").content == "cheap answer"
    assert model.bind(deny=["strong"]).invoke("hi").content == "cheap answer"


def test_no_answer_is_an_error_that_a_fallback_can_catch():
    model = chat(ModelError("down"), strong=ModelError("down"))
    with pytest.raises(ModelError, match="cheap failed: down"):
        model.invoke("hi")
    assert model.with_fallbacks([chat("rescued")]).invoke("hi").content == "rescued"


def test_bad_use_is_refused():
    with pytest.raises(UsageError, match="checkpointer"):
        chat("x", checkpointer=InMemorySaver())
    with pytest.raises(UsageError, match="unknown option 'temperature'"):
        chat("x", options={"temperature": 1})


async def test_where_a_person_is_to_be_asked_a_call_says_that_it_cannot():
    model = chat("x", approve_above_usd=1e-9)
    for call in (model.invoke, lambda prompt: list(model.stream(prompt))):
        with pytest.raises(UsageError, match="waits for a person"):
            call("hi")
    with pytest.raises(UsageError, match="waits for a person"):
        await model.ainvoke("hi")


@pytest.mark.parametrize("is_streamed", [False, True])
def test_inside_a_graph_that_keeps_threads_a_person_is_asked(is_streamed):
    model, thread = chat("yes", approve_above_usd=1e-9), {"configurable": {"thread_id": "1"}}

    class Talk(TypedDict, total=False):
        said: str

    def reply(state):
        parts = model.stream("may I?") if is_streamed else [model.invoke("may I?")]
        return {"said": "".join(part.text for part in parts)}

    around = StateGraph(Talk)
    around.add_node("reply", reply)
    around.add_edge(START, "reply")
    outer = around.compile(checkpointer=InMemorySaver())
    assert outer.invoke({"said": ""}, thread)["__interrupt__"][0].value["models"] == ["cheap"]
    assert outer.invoke(Command(resume=True), thread)["said"] == "yes"


def test_stop_marks_cut_the_answer():
    assert chat("one. two. three.").invoke("hi", stop=[" three", ". two"]).content == "one"


async def test_a_checked_answer_is_streamed_whole_with_usage_at_the_end():
    model = chat(Reply("a b c", 3, 3))
    for chunks in (list(model.stream("hi")), [chunk async for chunk in model.astream("hi")]):
        whole = sum(chunks[1:], chunks[0])
        assert [chunk.content for chunk in chunks if chunk.content] == ["a b c"]
        assert whole.content == "a b c" and whole.usage_metadata["total_tokens"] == 6
        assert whole.response_metadata["model"] == "cheap"


async def test_an_unchecked_answer_is_streamed_as_it_is_written():
    def fresh():
        writing = GenericFakeChatModel(messages=iter([AIMessage("one two three")]))
        return as_chat_model(build_graph(models={"cheap": writing}, strategy="cost_based"))

    words = ["one", " ", "two", " ", "three"]
    assert [chunk.content for chunk in fresh().stream("hi") if chunk.content] == words
    assert [chunk.content async for chunk in fresh().astream("hi") if chunk.content] == words


@pytest.mark.parametrize(
    ("stop", "said"),
    [(["o th"], "one tw"), (["three four", ""], "one two three"), (["three", "two"], "one ")],
)
async def test_a_stream_ends_at_a_stop_mark_wherever_its_parts_break(stop, said):
    def fresh():
        writing = GenericFakeChatModel(messages=iter([AIMessage("one two three")]))
        return as_chat_model(build_graph(models={"cheap": writing}, strategy="cost_based"))

    assert "".join(chunk.content for chunk in fresh().stream("hi", stop=stop)) == said
    assert "".join([chunk.content async for chunk in fresh().astream("hi", stop=stop)]) == said
    assert fresh().invoke("hi", stop=stop).content == said


def test_tools_are_bound_and_called_by_the_caller():
    @tool
    def weather(city: str) -> str:
        """Tell the weather."""
        return "rain"

    call = {"name": "weather", "args": {"city": "Paris"}, "id": "c0"}
    model = chat(Reply("", 5, 5, tool_calls=(call,))).bind_tools([weather])
    message = model.invoke("Weather in Paris?", task_type="complex")
    assert message.tool_calls == [{**call, "type": "tool_call"}]
    assert message.response_metadata["model"] == "cheap", "the strong card declares no tools"
    streamed = list(model.stream("Weather in Paris?"))
    assert sum(streamed[1:], streamed[0]).tool_calls == [{**call, "type": "tool_call"}]


def test_structured_output_works_through_tool_calls():
    class City(BaseModel):
        """A city."""

        name: str

    reply = Reply("", 5, 5, tool_calls=({"name": "City", "args": {"name": "Paris"}, "id": "c0"},))
    assert chat(reply).with_structured_output(City).invoke("Which city?") == City(name="Paris")


async def test_inside_another_graph_each_token_reaches_the_caller_once():
    class State(TypedDict, total=False):
        question: str
        answer: str

    def outer():
        writing = GenericFakeChatModel(messages=iter([AIMessage("one two three")]))
        model = as_chat_model(build_graph(models={"cheap": writing}, strategy="cost_based"))
        graph = StateGraph(State)

        async def later(state):
            return {"answer": (await model.ainvoke(state["question"])).content}

        graph.add_node("ask", later)
        graph.add_edge(START, "ask")
        graph.add_edge("ask", END)
        return graph.compile()

    parts = [part async for part, _ in outer().astream({"question": "hi"}, stream_mode="messages")]
    assert "".join(str(part.content) for part in parts) == "one two three"
    assert (await outer().ainvoke({"question": "hi"}))["answer"] == "one two three"
