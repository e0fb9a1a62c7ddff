"""A gateway over recordings: a prompt that was never recorded is the caller's error, and no model's failure."""

from pathlib import Path

import openai
import pytest
from rich.console import Console

from orchestrator.gateway.opening import DEMO_DATA, DEMO_ROUTER, DEMO_SPOOL
from orchestrator.models import ScriptedModel, recorded_models
from orchestrator.serve_command import _with_demo_router
from orchestrator.settings import Settings
from router_training.catalogue import catalogue_from_outcomes
from tests.gateway.serving import gateway, service_over


@pytest.fixture
def replaying(two_kinds):
    """A gateway that replays, with what it tells feedback."""
    told = []
    cards, models = catalogue_from_outcomes(two_kinds), recorded_models(two_kinds)
    with gateway(service=service_over(cards, models=models, feedback=told.append)) as (url, *_):
        yield url, told


def asked(url, text, model="auto", **options):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=2) as client:
        return client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": text}], **options
        )


@pytest.mark.parametrize("model", ["auto", "large"])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_prompt_without_a_recording_is_a_400_that_says_what_to_ask_and_no_feedback(
    replaying, two_kinds, model, is_streamed
):
    url, told = replaying
    with pytest.raises(openai.BadRequestError) as refused:
        asked(url, "Who wrote Faust?", model, stream=is_streamed)
    error = refused.value
    assert (error.status_code, error.code, error.param) == (400, "not_recorded", "messages")
    assert set(error.body) == {"message", "type", "param", "code"}
    example = min(set(two_kinds.prompts), key=lambda text: (len(text), text))
    assert example in error.message and "pointsman serve --models" in error.message
    assert told == []
    assert asked(url, example, model).choices[0].message.content
    assert len(told) == 1 and told[0].prompt == example


def test_the_responses_api_refuses_it_too(replaying):
    with (
        openai.OpenAI(base_url=f"{replaying[0]}/v1", api_key="none") as client,
        pytest.raises(openai.BadRequestError, match="none answers this prompt"),
    ):
        client.responses.create(model="auto", input="Who wrote Faust?")


def test_a_live_model_beside_recordings_may_answer_anything(two_kinds):
    cards = catalogue_from_outcomes(two_kinds)
    models = {**recorded_models(two_kinds), "large": ScriptedModel(label="large", script="Goethe")}
    with gateway(service=service_over(cards, models=models)) as (url, *_):
        assert asked(url, "Who wrote Faust?").choices[0].message.content == "Goethe"
        with pytest.raises(openai.BadRequestError, match="none answers this prompt"):
            asked(url, "Who wrote Faust?", "small")


@pytest.mark.parametrize("named", [None, "elsewhere"])
def test_the_demo_spools_apart_unless_told_where(monkeypatch, tmp_path, named):
    monkeypatch.chdir(tmp_path)
    DEMO_DATA.parent.mkdir(parents=True)
    DEMO_DATA.write_bytes(b"")
    (DEMO_ROUTER / "policy").mkdir(parents=True)
    environment = {} if named is None else {"POINTSMAN_SPOOL": named}
    monkeypatch.delenv("POINTSMAN_SPOOL", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings = _with_demo_router(Console(), Settings.read(environment, demo=True))
    assert settings.spool == (DEMO_SPOOL if named is None else Path(named))
    assert settings.spool != Settings().spool
