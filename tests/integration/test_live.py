"""A real model on this machine behind the graph: SmolLM2-135M through llama.cpp's server on loopback."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.demo_live import run_demo_live
from orchestrator.graph import build_graph
from router_training.catalogue import load_catalogue
from router_training.contract import UsageError
from router_training.local_models import packaged_smollm2, served

pytestmark = pytest.mark.live
MODELS = Path(__file__).resolve().parents[2] / "datasets" / "starter" / "models.toml"


@pytest.fixture(scope="module")
def card():
    pytest.importorskip("xllamacpp", reason="make install-local brings it")
    with served(packaged_smollm2()) as url:
        yield replace(load_catalogue(MODELS)["smollm2-135m"], base_url=url, max_tokens=24)


async def test_the_graph_answers_with_a_live_model_sync_and_async(card):
    graph = build_graph(catalogue={card.name: card})
    request = {"task_type": "quick", "input": "What is the capital of France?"}
    for state in (graph.invoke(request), await graph.ainvoke(request)):
        assert "Paris" in state["result"] and state["model"] == card.name
        assert 0.0 < state["confidence"] <= 1.0 and state["usd"] > 0.0 and state["latency_s"] > 0.0


def test_a_dead_endpoint_is_a_failure_that_another_model_makes_good(card):
    dead = replace(card, name="dead", base_url="http://127.0.0.1:9/v1")
    graph = build_graph(catalogue={"dead": dead, card.name: card}, strategy="fallback")
    state = graph.invoke({"input": "Say hello."})
    assert state["model"] == card.name
    assert [bool(attempt["error"]) for attempt in state["attempts"]] == [True, False]


def test_demo_live_prints_answers_and_paths(card):
    page = io.StringIO()
    run_demo_live(
        Console(file=page, width=120), models=MODELS, router=None, gguf=(), prompts=("What is 2 + 2?",)
    )
    assert "smollm2-135m > verifier" in page.getvalue()


def test_a_model_that_is_no_file_is_refused(tmp_path):
    pytest.importorskip("xllamacpp", reason="make install-local brings it")
    with pytest.raises(UsageError, match="is no file"), served(tmp_path / "none.gguf"):
        pass
