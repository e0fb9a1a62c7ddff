"""What the graph is assembled from: the options of `build_graph`, checked and put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool

from orchestrator import strategies
from orchestrator.batching import Batcher
from orchestrator.health import Health
from orchestrator.limits import Limits, is_number
from orchestrator.nodes.router import RouterNode
from orchestrator.roles import RoleForecaster, TypeRoutes
from router_training.catalogue import price_digest
from router_training.contract import Catalogue, Forecaster, ModelCard, UsageError


def priced(policy: Forecaster | None, catalogue: Catalogue | None) -> Forecaster | None:
    """Let the cards that the caller gave set the policy's prices too."""
    with_catalogue = getattr(policy, "with_catalogue", None)
    if catalogue is None or with_catalogue is None:
        return policy
    repriced: Forecaster = with_catalogue({**getattr(policy, "catalogue", {}), **catalogue})
    return repriced


def usable_cards(
    policy: Forecaster | None, catalogue: Catalogue | None, models: Mapping[str, BaseChatModel] | None
) -> dict[str, ModelCard]:
    """Return the cards that can be asked: those with a client and a forecast.

    Raises:
        UsageError: if there is none.
    """
    if catalogue is None:
        catalogue = getattr(policy, "catalogue", None)
    if catalogue is None:
        catalogue = {name: ModelCard(name, 0.0, 0.0) for name in models or ()}
    usable = [set(names) for names in (models, getattr(policy, "models", None)) if names is not None]
    cards = {name: card for name, card in catalogue.items() if all(name in names for names in usable)}
    if not cards:
        raise UsageError(
            f"there is no model to ask (catalogue: {', '.join(catalogue) or 'empty'}); "
            "pass a catalogue, and models and a policy that know its names"
        )
    return cards


def make_router(
    policy: Forecaster | None,
    cards: Mapping[str, ModelCard],
    strategy: str | Mapping[str, Any] | strategies.Strategy,
    dial: float,
    sticky: float | None,
    health: Health,
) -> RouterNode:
    """Return the router node; without a policy, the roles of the cards forecast.

    Raises:
        UsageError: if the strategy is unknown, or a number is outside its range.
    """
    dial = Limits(dial).dial
    if sticky is not None and not (is_number(sticky) and sticky >= 0.0):
        raise UsageError(f"sticky is {sticky!r}; it must be 0 or more, 0.05 is usual, or None")
    decide = strategies.load(strategy) if isinstance(strategy, str | Mapping) else strategy
    if policy is None:
        forecaster = RoleForecaster(cards)
        return RouterNode(forecaster, decide, dial, cards, TypeRoutes(cards), sticky=sticky, health=health)

    routes = TypeRoutes(cards, getattr(policy, "best_of_type", None))
    scale = getattr(policy, "usd_scale", None)
    return RouterNode(
        Batcher(policy, cards), decide, dial, cards, routes, scale, sticky, health, operating_dial(policy)
    )


def operating_dial(policy: Forecaster) -> Callable[[float], float | None] | None:
    """Return what finds the dial for a share of the best model's quality, if the policy can tell."""
    point = getattr(policy, "operating_point", None)
    if point is None:
        return None

    def dial_for(share: float) -> float | None:
        try:
            found: float | None = point(min_quality=share).dial
        except (
            UsageError
        ):  # out of reach, or no task was kept aside: models are then judged one prompt at a time
            return None
        return found

    return dial_for


def name_of(strategy: str | Mapping[str, Any] | strategies.Strategy) -> str:
    """Return what a strategy is called on record: its description, else its file or function."""
    if isinstance(strategy, str | Mapping):
        return strategy if isinstance(strategy, str) else str(strategy["name"])
    return getattr(strategy, "__name__", None) or type(strategy).__module__.rpartition(".")[2]


def digests(policy: Forecaster | None, cards: Catalogue) -> dict[str, str | None]:
    """Return what identifies the policy on record, and the prices, which there are without a policy too."""
    metadata = {"price_digest": price_digest(cards), **(getattr(policy, "metadata", None) or {})}
    return {key: metadata.get(key) for key in ("policy_version", "data_digest", "price_digest")}


def by_name(tools: Sequence[BaseTool]) -> dict[str, BaseTool]:
    """Return the tools by name.

    Raises:
        UsageError: if two share one.
    """
    named = {tool.name: tool for tool in tools}
    if len(named) < len(tools):
        raise UsageError(f"two tools share a name ({', '.join(tool.name for tool in tools)}); rename one")
    return named


def above(name: str, value: float) -> float:
    """Return the value.

    Raises:
        UsageError: if it is no number above 0.
    """
    if not (is_number(value) and value > 0.0):
        raise UsageError(f"{name} is {value!r}; it must be a number above 0")
    return value
