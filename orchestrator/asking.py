"""Asking a model outside the graph: once, as a judge is asked, or several times, to see whether it says the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from langchain_core.language_models import BaseChatModel

from orchestrator import plain
from orchestrator.models import chat_model
from orchestrator.nodes.model import ModelNode
from router_training.contract import Attempt, Catalogue, ModelCard, Task, UsageError

TEMPERATURE = 0.7


def asker(card: ModelCard, client: BaseChatModel | None = None) -> Callable[[str], Attempt]:
    """Return what sends a text to a card's model, with the graph's own time limit and prices; a failure is recorded."""
    node = ModelNode(card, chat_model(card) if client is None else client)

    def ask(text: str) -> Attempt:
        return plain.attempt(node.invoke({"input": text, "move": {"check": True}})["drafts"][0])

    return ask


def sampler(
    catalogue: Catalogue, n: int = 3, clients: Mapping[str, BaseChatModel] | None = None
) -> Callable[[Task, str], Sequence[Attempt]]:
    """Return what asks a model `n` more times, at TEMPERATURE or above; `clients` stand in for the cards' endpoints.

    Raises:
        UsageError: if n is not at least 1.
    """
    if n < 1:
        raise UsageError(f"n is {n!r}; ask at least once more, three times are usual")
    known: dict[str, Callable[[str], Attempt]] = {}

    def ask_again(task: Task, model: str) -> Sequence[Attempt]:
        if model not in known:
            card = catalogue[model]
            warm = replace(card, temperature=max(card.temperature, TEMPERATURE))
            known[model] = asker(warm, None if clients is None else clients[model])
        return [known[model](task.prompt) for _ in range(n)]

    return ask_again
