"""Facts about the client of an OpenAI-compatible endpoint."""

import aiohttp
import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import HumanMessage

from orchestrator.gateway.clients import clients_of
from tests.faults.fault_server import answer
from tests.gateway.serving import card


class Listener(AsyncCallbackHandler):
    """Keeps what it is told."""

    def __init__(self):
        self.heard = []

    async def on_chat_model_start(self, *args, **kwargs):
        self.heard.append("start")

    async def on_llm_end(self, *args, **kwargs):
        self.heard.append("end")


@pytest.fixture
async def endpoint(upstream):
    async with aiohttp.ClientSession() as session:
        yield clients_of({"m0": card("m0", upstream.url)}, lambda: session, {})["m0"]


async def test_who_listens_to_callbacks_hears_of_a_call_and_the_answer_is_the_same(endpoint, upstream):
    upstream.script.extend([answer("four"), answer("four")])
    listener, asked = Listener(), [HumanMessage("What is 2 + 2?")]
    heard = await endpoint.ainvoke(asked, {"callbacks": [listener]})
    unheard = await endpoint.ainvoke(asked)
    assert listener.heard == ["start", "end"]
    assert (heard.content, heard.usage_metadata) == (unheard.content, unheard.usage_metadata)
    assert upstream.seen[0] == upstream.seen[1]


async def test_a_plain_text_is_a_question_too(endpoint, upstream):
    assert (await endpoint.ainvoke("hi")).content == "four"
    assert upstream.seen[0]["messages"] == [{"role": "user", "content": "hi"}]
