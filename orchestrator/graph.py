"""The whole graph on one screen: router -> models -> verifier -> models ... -> end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.graph import END, START, StateGraph

from orchestrator import strategies, verifiers
from orchestrator.health import Health
from orchestrator.models import chat_models
from orchestrator.moves import Limits, is_number
from orchestrator.nodes.check import CheckNode
from orchestrator.nodes.edges import MoveEdge
from orchestrator.nodes.fallback import FallbackNode
from orchestrator.nodes.finish import Finish
from orchestrator.nodes.model import ModelNode
from orchestrator.nodes.race import RaceNode
from orchestrator.nodes.router import RouterNode
from orchestrator.nodes.state import CHECK, FALLBACK, RACE, ROUTER, TOOLS, VERIFIER, Answer, Request, State
from orchestrator.nodes.step import Step
from orchestrator.nodes.tools import MOST_ROUNDS, ModelEdge, ToolEdge, ToolNode
from orchestrator.nodes.verifier import VerifierNode
from orchestrator.roles import RoleForecaster, TypeRoutes
from router_training.contract import (
    Catalogue,
    Forecast,
    Forecaster,
    ModelCard,
    RequestRecord,
    Task,
    UsageError,
)

RESERVED = {ROUTER, TOOLS, VERIFIER, FALLBACK, RACE, CHECK, START, END, *State.__annotations__}


def build_graph(
    policy: Forecaster | None = None,
    *,
    catalogue: Catalogue | None = None,
    strategy: str | Mapping[str, Any] | strategies.Strategy = "cascade",
    models: Mapping[str, BaseChatModel] | None = None,
    verifier: Sequence[verifiers.Verifier] | None = None,
    dial: float = 0.8,
    tools: Sequence[BaseTool] = (),
    tool_timeout_s: float = 10.0,
    feedback: Callable[[RequestRecord], object] | None = None,
    checkpointer: Any = None,
    health: Health | None = None,
) -> Any:
    """Build a compiled LangGraph graph that answers requests (`nodes.Request` in, `nodes.Answer` out).

    Args:
        policy: what forecasts each model's success; None routes by task type and the roles of the cards.
        catalogue: the models to ask; by default those of the policy, else one card per entry of `models`.
        strategy: a strategy or its description, such as "fallback(cascade)" or a table as `strategies.load` reads.
        models: a LangChain chat model per name; by default each card's endpoint.
        verifier: what gathers evidence, in this order; by default the deterministic verifiers.
        dial: the dial of requests that set none, in [0, 1].
        tools: LangChain tools that cards with the capability "tools" may call, such as `tools.standard()`; they run
            in threads of their own.
        tool_timeout_s: how long the tools of one round may run; above 0.
        feedback: told about each finished request; it must not block, and what it raises is only logged.
        checkpointer: any LangGraph checkpointer.
        health: what calls have shown of each model, for those who want to read or share it.

    Raises:
        UsageError: if there is no model to ask, or an argument is outside its range.
    """
    policy = _priced(policy, catalogue)
    cards = _cards(policy, catalogue, models)
    clients = chat_models(cards) if models is None else models
    health = Health() if health is None else health
    router = replace(_router(policy, cards, strategy, Limits(dial).dial), health=health)
    names = node_names(cards)
    finish = Finish(_name(strategy), feedback, _digests(policy))

    graph = StateGraph(State, input_schema=Request, output_schema=Answer)
    graph.add_node(ROUTER, router)
    verify = VerifierNode(verifier or verifiers.standard(), names, router, finish)
    graph.add_node(VERIFIER, verify, defer=bool(tools))  # tools make one of several models answer later
    graph.add_node(FALLBACK, FallbackNode(router, finish))
    described = [convert_to_openai_tool(tool) for tool in tools]
    asked = {model: ModelNode(card, clients[model], described, health) for model, card in cards.items()}
    callers: dict[str, Step] = {names[model]: node for model, node in asked.items()}
    callers |= {RACE: RaceNode(asked), CHECK: CheckNode(asked)}
    for name, node in callers.items():
        graph.add_node(name, node)
        if tools and name != CHECK:
            graph.add_conditional_edges(name, ModelEdge(names, name), [TOOLS, VERIFIER])
        else:
            graph.add_edge(name, VERIFIER)
    if tools:
        graph.add_node(TOOLS, ToolNode(_by_name(tools), cards, _seconds(tool_timeout_s)))
        graph.add_conditional_edges(TOOLS, ToolEdge(names), [*names.values(), VERIFIER])

    graph.add_edge(START, ROUTER)
    graph.add_conditional_edges(ROUTER, MoveEdge(names, FALLBACK), [*names.values(), RACE, FALLBACK])
    graph.add_conditional_edges(VERIFIER, MoveEdge(names, FALLBACK), [*callers, FALLBACK, END])
    graph.add_conditional_edges(FALLBACK, MoveEdge(names, END), [*names.values(), END])
    # the router; twice fallback, model, its tools, verifier for each model; fallback; a spare
    longest = (6 + 4 * MOST_ROUNDS) * len(cards) + 3
    return graph.compile(checkpointer=checkpointer).with_config(recursion_limit=longest)


def node_names(models: Iterable[str]) -> dict[str, str]:
    """Return a node name per model: its own, unless LangGraph or this graph uses that name or its characters."""
    names: dict[str, str] = {}
    for model in models:
        name = model.replace(":", "_").replace("|", "_")
        while name in RESERVED or name in names.values():
            name += "_model"
        names[model] = name
    return names


def _priced(policy: Forecaster | None, catalogue: Catalogue | None) -> Forecaster | None:
    """Let the cards that the caller gave set the policy's prices too."""
    with_catalogue = getattr(policy, "with_catalogue", None)
    if catalogue is None or with_catalogue is None:
        return policy
    repriced: Forecaster = with_catalogue({**getattr(policy, "catalogue", {}), **catalogue})
    return repriced


def _cards(
    policy: Forecaster | None, catalogue: Catalogue | None, models: Mapping[str, BaseChatModel] | None
) -> dict[str, ModelCard]:
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


def _router(
    policy: Forecaster | None,
    cards: Mapping[str, ModelCard],
    strategy: str | Mapping[str, Any] | strategies.Strategy,
    dial: float,
) -> RouterNode:
    decide = strategies.load(strategy) if isinstance(strategy, str | Mapping) else strategy
    if policy is None:
        return RouterNode(RoleForecaster(cards), decide, dial, cards, TypeRoutes(cards))

    def forecast(task: Task) -> tuple[Forecast, ...]:
        return tuple(one for one in policy.forecast([task.prompt]).row(0) if one.model in cards)

    routes = TypeRoutes(cards, getattr(policy, "best_of_type", None))
    return RouterNode(forecast, decide, dial, cards, routes, getattr(policy, "usd_scale", None))


def _name(strategy: str | Mapping[str, Any] | strategies.Strategy) -> str:
    if isinstance(strategy, str | Mapping):
        return strategy if isinstance(strategy, str) else str(strategy["name"])
    return getattr(strategy, "__name__", None) or type(strategy).__module__.rpartition(".")[2]


def _digests(policy: Forecaster | None) -> dict[str, str | None]:
    metadata = getattr(policy, "metadata", None) or {}
    return {key: metadata.get(key) for key in ("policy_version", "data_digest", "price_digest")}


def _by_name(tools: Sequence[BaseTool]) -> dict[str, BaseTool]:
    named = {tool.name: tool for tool in tools}
    if len(named) < len(tools):
        raise UsageError(f"two tools share a name ({', '.join(tool.name for tool in tools)}); rename one")
    return named


def _seconds(tool_timeout_s: float) -> float:
    if not (is_number(tool_timeout_s) and tool_timeout_s > 0.0):
        raise UsageError(f"tool_timeout_s is {tool_timeout_s!r}; it must be a number of seconds above 0")
    return tool_timeout_s
