"""The graph over a model that runs on this machine: real calls, real tokens, no key and no network."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from orchestrator.graph import build_graph
from orchestrator.pages import path_tree
from orchestrator.verifiers import standard
from router_training.catalogue import load_catalogue
from router_training.contract import Catalogue, UsageError
from router_training.local_models import packaged_smollm2, served
from router_training.serving import open_router

SMOLLM2 = "smollm2-135m"
PROMPTS = (
    "What is the capital of France?",
    "What is 17 + 25? Answer with the number only.",
    "Is this review positive or negative? 'The soup was cold and the waiter rude.'",
    "Extract the e-mail address: please write to jane.doe@example.org before Friday.",
)


def run_demo_live(
    console: Console,
    *,
    models: Path,
    router: Path | None,
    gguf: Sequence[str],
    prompts: Sequence[str] = PROMPTS,
) -> None:
    """Serve SmolLM2 (and every `NAME=PATH` of `gguf`) on loopback, and answer `prompts` through the graph.

    A router's forecasts choose among the cards that are served; without a router the deterministic verifiers
    and the roles of the cards do.

    Raises:
        UsageError: if a model is not on this machine, or a name is no card of `models`.
    """
    cards = load_catalogue(models)
    paths = {SMOLLM2: packaged_smollm2(), **dict(_named(one, cards) for one in gguf)}
    with ExitStack() as stack:
        live = {}
        for name, path in paths.items():
            with console.status(f"starting {name}"):
                url = stack.enter_context(served(path))
            console.print(f"{name} answers at {url}")
            live[name] = replace(cards[name], base_url=url, api_key_env=None)
        opened = open_router(router, {**cards, **live}) if router is not None else None
        graph = build_graph(
            None if opened is None else opened.policy,
            catalogue=live,
            strategy="fallback(cascade)",
            verifier=standard(None if opened is None else opened.answer_model),
            joint=None if opened is None else opened.joint,
        )
        for prompt in prompts:
            answer = graph.invoke({"input": prompt})
            console.print(f"\n[bold]{escape(prompt)}[/bold]")
            console.print(answer["result"], markup=False)
            console.print(path_tree(answer))


def _named(option: str, cards: Catalogue) -> tuple[str, Path]:
    name, _, path = option.partition("=")
    if not path or name not in cards:
        raise UsageError(
            f"--gguf {option!r} is not NAME=PATH with the name of a card; the cards are {', '.join(cards)}"
        )
    return name, Path(path)
