"""Chat models: built from cards, recorded, scripted; what they reveal and how they fail."""

import asyncio
import time

import pytest

from orchestrator.failures import ModelError
from orchestrator.models import (
    RecordedModel,
    Reply,
    ScriptedModel,
    chat_model,
    chat_models,
    key_variable,
    recorded_models,
)
from router_training.contract import ModelCard, Outcome, UsageError
from router_training.outcomes import OutcomeTable

KEY = "sk-never-show-this"
ROWS = (
    Outcome("t1", "2 + 2?", "small", 1.0, response="4", prompt_tokens=5, completion_tokens=1, latency_s=0.3),
    Outcome("t1", "2 + 2?", "large", 1.0, response="four", cost_usd=0.002, latency_s=2.0),
    Outcome("t2", "Say nothing.", "small", 1.0, response="", completion_tokens=1),
    Outcome("t2", "Say nothing.", "large", None),
)


@pytest.fixture
def table():
    return OutcomeTable.from_outcomes(ROWS, origin="outcomes.csv")


def test_a_card_becomes_an_openai_client_with_its_endpoint_and_limits(monkeypatch):
    monkeypatch.setenv("SOME_KEY", KEY)
    card = ModelCard(
        "mini", 1, 2, model="mini-1", base_url="http://127.0.0.1:9/v1", api_key_env="SOME_KEY", max_tokens=7
    )
    model = chat_model(card)
    assert (model.model_name, str(model.openai_api_base)) == ("mini-1", "http://127.0.0.1:9/v1")
    assert (model.max_tokens, model.temperature, model.max_retries) == (7, 0.0, 0)
    assert model.openai_api_key.get_secret_value() == KEY


def test_a_key_never_shows(monkeypatch):
    monkeypatch.setenv("SOME_KEY", KEY)
    model = chat_model(ModelCard("mini", 1, 2, api_key_env="SOME_KEY"))
    assert KEY not in repr(model) + str(model) + str(model.model_dump())


def test_a_missing_key_names_the_variable(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(UsageError, match="OPENAI_API_KEY is empty"):
        chat_model(ModelCard("mini", 1, 2))
    with pytest.raises(UsageError, match="SOME_KEY is empty"):
        chat_models(
            {"mini": ModelCard("mini", 1, 2, api_key_env="SOME_KEY", base_url="http://127.0.0.1:9/v1")}
        )


def test_a_local_server_needs_no_key(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert chat_model(ModelCard("mini", 1, 2, base_url="http://127.0.0.1:9/v1")) is not None


def test_a_provider_without_its_package_names_what_to_install():
    with pytest.raises(UsageError, match="pip install langchain langchain-anthropic"):
        chat_model(ModelCard("claude", 1, 2, provider="anthropic"))


async def test_recorded_models_say_what_was_said_and_are_labelled(table):
    small = recorded_models(table)["small"]
    for message in (small.invoke("2 + 2?"), await small.ainvoke("2 + 2?")):
        assert message.text == "4"
        assert (message.usage_metadata["input_tokens"], message.usage_metadata["output_tokens"]) == (5, 1)
        assert message.response_metadata["recorded"] is True
        assert message.response_metadata["latency_s"] == 0.3


def test_a_recording_without_tokens_carries_its_price(table):
    message = recorded_models(table)["large"].invoke("2 + 2?")
    assert message.usage_metadata is None and message.response_metadata["usd"] == 0.002


def test_an_empty_answer_is_an_answer_and_a_missing_one_is_not(table):
    models = recorded_models(table)
    assert models["small"].invoke("Say nothing.").text == ""
    with pytest.raises(ModelError, match="large is a recording and holds no answer to 'Say nothing"):
        models["large"].invoke("Say nothing.")


def test_a_prompt_never_recorded_is_refused_with_the_remedy(table):
    with pytest.raises(
        ModelError, match=r"'x{57}\.\.\.'; it knows 2 prompts .*ask one of those, or a live model"
    ):
        recorded_models(table)["small"].invoke("x" * 200_000)


def test_recordings_take_their_time_only_when_asked(table):
    slow = recorded_models(table, latency_scale=0.5)["small"]
    start = time.perf_counter()
    slow.invoke("2 + 2?")
    assert time.perf_counter() - start >= 0.15, "half of the recorded 0.3 s"
    asyncio.run(_together(slow, 4))
    with pytest.raises(UsageError, match="latency_scale is -1"):
        recorded_models(table, latency_scale=-1)


async def _together(model, n):
    await asyncio.gather(*(model.ainvoke("2 + 2?") for _ in range(n)))


def test_a_table_without_responses_cannot_be_replayed():
    table = OutcomeTable.from_outcomes(
        [Outcome("t", "hi", "a", 1.0), Outcome("t", "hi", "b", 0.0)], origin="x.csv"
    )
    with pytest.raises(UsageError, match=r"x\.csv has no response to replay"):
        recorded_models(table)


@pytest.mark.parametrize(
    "script", ["hi", {"q": "hi"}, lambda prompt: "hi", Reply("hi"), lambda prompt: Reply("hi")]
)
def test_a_script_is_a_text_a_mapping_or_a_function(script):
    assert ScriptedModel(script=script).invoke("q").text == "hi"


@pytest.mark.parametrize(
    "script", [ModelError("down"), lambda prompt: ModelError("down"), {"q": ModelError("down")}]
)
def test_a_scripted_failure_is_raised(script):
    with pytest.raises(ModelError, match="down"):
        ScriptedModel(script=script).invoke("q")
    with pytest.raises(ModelError, match="has no answer to 'other'"):
        ScriptedModel(script={"q": "hi"}).invoke("other")


def test_the_repr_of_a_recording_does_not_print_every_answer(table):
    model = recorded_models(table)["small"]
    assert isinstance(model, RecordedModel) and "four" not in repr(model) and "2 + 2" not in repr(model)


@pytest.mark.parametrize(
    ("card", "variable"),
    [
        (ModelCard("mini", 1, 2), "OPENAI_API_KEY"),
        (ModelCard("mini", 1, 2, base_url="http://127.0.0.1:9/v1"), None),
        (ModelCard("mini", 1, 2, base_url="http://127.0.0.1:9/v1", api_key_env="MINE"), "MINE"),
        (ModelCard("claude", 1, 2, provider="anthropic"), None),
    ],
)
def test_a_card_says_which_variable_must_hold_its_key(card, variable):
    assert key_variable(card) == variable


def test_what_answers_at_once_says_so_and_nothing_that_may_wait_does():
    recordings = {"Hi": Reply("Hello", 1, 1, latency_s=2.0)}
    assert ScriptedModel(script="Hello").instant
    assert RecordedModel(label="m", recordings=recordings).instant
    assert not RecordedModel(label="m", recordings=recordings, latency_scale=0.1).instant
    waits = (Reply("Hello", 1, 1, latency_s=0.1), lambda prompt: prompt, {"Hi": "Hello"})
    assert not any(ScriptedModel(script=script).instant for script in waits)
