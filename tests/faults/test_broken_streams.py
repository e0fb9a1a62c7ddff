"""Streams that break on real sockets: what was shown is not begun again, what was not shown is."""

import asyncio

import pytest

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

    def build(strategy="fallback(task_based)", act=""):
        timeout_s = 1.0 if act.startswith("hang") else 20.0
        cards = {
            name: ModelCard(name, usd, usd, base_url=server.url, api_key_env="FAULT_KEY", timeout_s=timeout_s)
            for name, server, usd in (("small", faulty, 1.0), ("large", healthy, 2.0))
        }
        return build_graph(catalogue=cards, strategy=strategy)

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
    said, error = await words(as_chat_model(graph(act=act), task_type="quick"), face)
    assert (said, len(faulty.seen), len(healthy.seen)) == ("this is the ", 1, 0)
    assert error.startswith("small broke off in the middle of its answer: ")
    assert {"reset after": "Error", "hang after": "timed out", "answer": "the stream ended before"}[
        act
    ] in error


@pytest.mark.parametrize("face", ["sync", "async"])
async def test_a_chat_models_stream_of_which_nothing_was_shown_goes_on_with_another_model(
    graph, faulty, healthy, face
):
    faulty.script.append(FAULTS["401"])
    chat = as_chat_model(graph(), task_type="quick")
    assert await words(chat, face) == ("four", None)
    faulty.script.append(broken("answer", "this"))
    assert await words(chat, face, stop=["this is"]) == ("four", None), "what may be a stop mark is held back"
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
