"""Streams that break on real sockets: what was shown is not begun again, what was not shown is."""

import asyncio

import pytest
from langgraph.graph import START, MessagesState, StateGraph

from orchestrator.chat_model import as_chat_model
from orchestrator.failures import ModelError
from orchestrator.graph import build_graph
from router_training.contract import ModelCard
from tests.faults.fault_server import FAULTS, answer, broken

ACTS = {"reset after": "interrupted", "hang after": "timeout", "answer": "interrupted"}
ASK = {"input": "hello there", "task_type": "quick"}


@pytest.fixture
def graph(faulty, healthy, monkeypatch):
    """A function that builds a graph: "small" is at the faulty server and asked first, "large" at the healthy one."""
    monkeypatch.setenv("FAULT_KEY", "none")

    def build(strategy="fallback(task_based)", act="", **options):
        timeout_s = 1.0 if act.startswith("hang") else 20.0
        cards = {
            name: ModelCard(name, usd, usd, base_url=server.url, api_key_env="FAULT_KEY", timeout_s=timeout_s)
            for name, server, usd in (("small", faulty, 1.0), ("large", healthy, 2.0))
        }
        return build_graph(catalogue=cards, strategy=strategy, **options)

    return build


async def heard(one, face, request=ASK):
    """Return the last state, and what `stream_mode="messages"` showed: pairs of a node's name and a text."""
    shown, state, modes = [], None, ["messages", "values"]
    parts = (
        [part async for part in one.astream(request, stream_mode=modes)]
        if face == "async"
        else await asyncio.to_thread(lambda: list(one.stream(request, stream_mode=modes)))
    )
    for mode, part in parts:
        if mode == "values":
            state = part
        elif part[0].text:
            shown.append((part[1]["langgraph_node"], part[0].text))
    return state, shown


async def words(chat, face, **options):
    """Return the pieces that a chat model showed, and the error that ended them, if any."""
    said = []
    try:
        if face == "sync":
            said.extend(chunk.text for chunk in chat.stream("hello there", **options))
        else:
            async for chunk in chat.astream("hello there", **options):
                said.append(chunk.text)  # noqa: PERF401  # what came before an error counts
    except ModelError as error:
        return "".join(said), str(error)
    return "".join(said), None


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("face", ["sync", "async"])
async def test_what_was_shown_in_part_is_not_begun_again_and_the_next_model_answers(
    graph, faulty, healthy, act, face
):
    faulty.script.append(broken(act))
    healthy.script.append(answer("four or five"))
    state, shown = await heard(graph(act=act), face)
    assert (len(faulty.seen), len(healthy.seen), state["model"]) == (1, 1, "large")
    failed = state["attempts"][0]
    assert (failed["failure"], failed["usd_estimated"], failed["text"]) == (ACTS[act], True, None)
    assert "".join(text for node, text in shown if node == "small") == "this is the "
    assert "".join(text for node, text in shown if node == "large") == "fourorfive"


@pytest.mark.parametrize("fault", ["reset", "500", "no word"])
@pytest.mark.parametrize("face", ["sync", "async"])
async def test_a_stream_that_breaks_before_its_first_word_is_begun_again(graph, faulty, fault, face):
    faulty.script.extend([broken("reset after", "") if fault == "no word" else FAULTS[fault], answer("four")])
    state, shown = await heard(graph(), face)
    assert (len(faulty.seen), state["model"], len(state["attempts"])) == (2, "small", 1)
    assert "".join(text for _, text in shown) == "four"


@pytest.mark.parametrize("face", ["sync", "async"])
async def test_a_draft_that_nobody_sees_yet_is_begun_again(graph, faulty, face):
    faulty.script.append(broken("reset after"))
    state, shown = await heard(graph("cascade"), face)
    assert (len(faulty.seen), state["model"]) == (2, "small")
    assert "this" not in "".join(text for _, text in shown)


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("face", ["sync", "async"])
async def test_a_chat_models_stream_that_breaks_ends_in_an_error_that_says_what_broke(
    graph, faulty, healthy, act, face
):
    faulty.script.append(broken(act))
    kept = []
    one = graph(act=act, feedback=kept.append)
    said, error = await words(as_chat_model(one, task_type="quick"), face)
    assert [(record.model, record.attempts[0].failure) for record in kept] == [(None, ACTS[act])]
    assert (said, len(faulty.seen), len(healthy.seen)) == ("this is the ", 1, 0)
    assert error.startswith("small broke off in the middle of its answer: ")
    assert {"reset after": "Error", "hang after": "timed out", "answer": "the stream ended before"}[
        act
    ] in error


def test_words_held_back_for_a_stop_mark_are_words_that_broke_off(graph, faulty, healthy):
    faulty.script.append(broken("answer", "this"))
    stream = as_chat_model(graph(), task_type="quick").stream("hello there", stop=["this is"])
    with pytest.raises(ModelError, match="small broke off in the middle of its answer"):
        next(stream)
    assert not healthy.seen


def test_a_chat_model_in_a_streamed_graph_shows_what_came_and_fails(graph, faulty, healthy):
    chat, shown = as_chat_model(graph(), task_type="quick"), []
    outer = StateGraph(MessagesState)
    outer.add_node("answer", lambda state: {"messages": [chat.invoke(state["messages"])]})
    outer.add_edge(START, "answer")
    whole, request = outer.compile(), {"messages": [("user", "hello there")]}
    faulty.script.extend([broken("reset after"), answer("four"), broken("reset after"), answer("four")])
    with pytest.raises(ModelError, match="broke off in the middle"):
        shown.extend(part.text for part, _ in whole.stream(request, stream_mode="messages"))
    assert ("".join(shown), len(faulty.seen), len(healthy.seen)) == ("this is the ", 1, 0)
    words_ = [part.text for part, _ in whole.stream(request, stream_mode="messages")]
    assert "".join(words_) == "four", "each token once"
    assert whole.invoke(request)["messages"][-1].text == "four" and len(faulty.seen) == 4


@pytest.mark.parametrize("face", ["sync", "async"])
async def test_a_chat_models_stream_of_which_nothing_was_shown_goes_on_with_another_model(
    graph, faulty, healthy, face
):
    faulty.script.append(FAULTS["401"])
    chat = as_chat_model(graph(), task_type="quick")
    assert await words(chat, face) == ("four", None)
    healthy.script.append(FAULTS["401"])
    faulty.script.append(FAULTS["401"])
    said, error = await words(chat, face)
    assert said == "" and "small failed" in error and "large failed" in error


@pytest.mark.parametrize("face", ["sync", "async"])
async def test_a_whole_answer_without_a_finish_reason_is_an_answer(graph, faulty, face):
    faulty.script.append(answer("four", finish=None))
    one = graph()
    state = await one.ainvoke(ASK) if face == "async" else one.invoke(ASK)
    assert (state["result"], state["model"], len(faulty.seen)) == ("four", "small", 1)
