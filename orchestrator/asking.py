"""Asking a model outside the graph: once, as a judge is asked, or several times, to see whether it says the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from langchain_core.language_models import BaseChatModel

from orchestrator import failures, plain
from orchestrator.calls import LONGEST_ANSWER, Bounds, is_told_tokens
from orchestrator.models import chat_model
from orchestrator.nodes.model import ModelNode
from orchestrator.verifiers import Verifier, load
from router_training.capabilities import tokens_in
from router_training.contract import Attempt, Catalogue, ModelCard, Task, UsageError
from router_training.judging.judge_bias import USUAL_BIAS, load_bias

TEMPERATURE = 0.7
FREE = Bounds()


class Ask(Protocol):
    """Sends a text to a model, within the bounds."""

    def __call__(self, text: str, bounds: Bounds = FREE, /) -> Attempt: ...


def asker(card: ModelCard, client: BaseChatModel | None = None) -> Ask:
    """Return what sends a text to a card's model, with the graph's own time limit and prices; a failure is recorded.

    A call that might go beyond its bounds is cut short where the model can be told to, else it is not made.
    """
    node = ModelNode(card, chat_model(card) if client is None else client)

    def ask(text: str, bounds: Bounds = FREE, /) -> Attempt:
        at_most = card.usd(tokens_in(text), card.max_tokens or LONGEST_ANSWER)
        if bounds.usd is not None and at_most > bounds.usd and not is_told_tokens(node.model):
            reason = (
                f"not asked, for its reply may cost ${at_most:.3g} of the ${max(bounds.usd, 0.0):.3g} left"
            )
            return Attempt(card.name, None, error=reason, failure=failures.TOO_DEAR.name)
        known = {card.name: {"timeout_s": bounds.timeout_s, "usd": bounds.usd}}
        call = {"input": text, "move": {"check": True, "bounds": known}}
        return plain.attempt(node.invoke(call)["drafts"][0])

    return ask


def judge(name: str, cards: Catalogue, bias: Path | None = None) -> Verifier:
    """Return the verifier that asks the card called `name`; what its yes and no are worth is read from `bias`.

    Raises:
        UsageError: if no card has that name.
        DataError: if `bias` holds no bias; without one, the usual bias of judges is taken.
    """
    if name not in cards:
        raise UsageError(f"the judge {name!r} is no model here; the models are {', '.join(cards)}")
    known = USUAL_BIAS if bias is None else load_bias(bias)
    return load("judge", ask=asker(cards[name]), bias=known)


def sampler(
    catalogue: Catalogue, n: int = 3, clients: Mapping[str, BaseChatModel] | None = None
) -> Callable[[Task, str, Bounds], Sequence[Attempt]]:
    """Return what asks a model `n` more times, at TEMPERATURE or above; `clients` stand in for the cards' endpoints.

    Raises:
        UsageError: if n is not at least 1.
    """
    if n < 1:
        raise UsageError(f"n is {n!r}; ask at least once more, three times are usual")
    known: dict[str, Ask] = {}

    def ask_again(task: Task, model: str, bounds: Bounds = FREE) -> Sequence[Attempt]:
        if model not in known:
            card = catalogue[model]
            warm = replace(card, temperature=max(card.temperature, TEMPERATURE))
            known[model] = asker(warm, None if clients is None else clients[model])
        samples: list[Attempt] = []
        for _ in range(n):
            samples.append(known[model](task.prompt, bounds.less(samples)))
        return samples

    return ask_again
