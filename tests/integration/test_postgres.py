"""Threads kept in a real PostgreSQL, which this test starts and stops (Debian: apt-get install postgresql)."""

import json

import pytest
from langchain_core.messages import HumanMessage
from langgraph.types import Command

from orchestrator import tools
from orchestrator.graph import build_graph
from orchestrator.models import Reply, ScriptedModel
from router_training.contract import ModelCard
from tests.integration.servers import postgres

pytestmark = pytest.mark.integration

TOOLS = frozenset({"text", "tools"})
CARDS = {
    "small": ModelCard("small", 100.0, 100.0, capabilities=TOOLS),
    "large": ModelCard("large", 10_000.0, 10_000.0),
}


@pytest.fixture(scope="module")
def database():
    with postgres() as address:
        yield address


@pytest.fixture
def saver(database):
    from langgraph.checkpoint.postgres import PostgresSaver  # an extra of development

    with PostgresSaver.from_conn_string(database) as found:
        found.setup()
        yield found


def graph(**options):
    call = {"name": "calculator", "args": {"expression": "6 * 7"}, "id": "c0"}

    def script(prompt):
        return Reply("", 5, 5, tool_calls=(call,)) if "times" in prompt else f"You said: {prompt}"

    models = {
        "small": ScriptedModel(label="small", script=script),
        "large": ScriptedModel(label="large", script="large answer"),
    }
    return build_graph(catalogue=CARDS, models=models, tools=tools.standard(), **options)


def test_a_thread_goes_on_in_another_connection(database, saver):
    from langgraph.checkpoint.postgres import PostgresSaver

    config = {"configurable": {"thread_id": "talk"}}
    graph(checkpointer=saver).invoke({"messages": [HumanMessage("One?")]}, config)
    with PostgresSaver.from_conn_string(database) as another:
        grown = graph(checkpointer=another).invoke({"messages": [HumanMessage("What is 6 times 7?")]}, config)
        kept = graph(checkpointer=another).get_state(config).values
    assert [str(message.text) for message in grown["messages"]][:2] == ["One?", "You said: One?"]
    assert grown["path"] == ["router", "small", "tools", "small", "verifier"]
    assert kept["attempts"] == grown["attempts"]
    assert str(kept["decision"]) == str(grown["decision"])  # an unknown latency is NaN, which equals nothing
    assert json.loads(json.dumps(kept["attempts"])) == kept["attempts"]


def test_an_approval_is_given_after_a_restart(database, saver):
    from langgraph.checkpoint.postgres import PostgresSaver

    config = {"configurable": {"thread_id": "dear"}}
    request = {"input": "Prove it.", "task_type": "complex"}
    state = graph(checkpointer=saver, approve_above_usd=1.0).invoke(request, config)
    assert state["__interrupt__"][0].value["models"] == ["large"]
    with PostgresSaver.from_conn_string(database) as another:
        later = graph(checkpointer=another, approve_above_usd=1.0).invoke(Command(resume=True), config)
    assert later["result"] == "large answer"


async def test_the_asynchronous_saver_works_too(database, saver):
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

    config = {"configurable": {"thread_id": "async"}}
    async with AsyncPostgresSaver.from_conn_string(database) as another:
        one = graph(checkpointer=another)
        first = await one.ainvoke({"input": "hi"}, config)
        kept = (await one.aget_state(config)).values
    assert kept["result"] == first["result"] == "You said: hi" and kept["drafts"] == []
