"""The whole graph on one screen: router -> models -> verifier -> models ... -> end."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.graph import END, START, StateGraph

from orchestrator import strategies, verifiers
from orchestrator.assembly import above, by_name, digests, make_router, name_of, priced, usable_cards
from orchestrator.demotion import Demotion
from orchestrator.exploring import Exploration
from orchestrator.health import Health
from orchestrator.models import chat_models
from orchestrator.nodes import rounds
from orchestrator.nodes.approval import ApprovalNode
from orchestrator.nodes.check import CheckNode
from orchestrator.nodes.edges import MoveEdge
from orchestrator.nodes.fallback import FallbackNode
from orchestrator.nodes.finish import Finish
from orchestrator.nodes.model import ModelNode
from orchestrator.nodes.race import RaceNode
from orchestrator.nodes.state import (
    APPROVAL,
    CHECK,
    FALLBACK,
    RACE,
    ROUTER,
    TOOLS,
    VERIFIER,
    Answer,
    Request,
    State,
)
from orchestrator.nodes.step import Leading, Step
from orchestrator.nodes.tools import MOST_ROUNDS, ModelEdge, ToolEdge, ToolNode
from orchestrator.nodes.verifier import VerifierNode
from orchestrator.shadowing import Shadows, begun_by
from router_training.contract import (
    Catalogue,
    Forecaster,
    RequestRecord,
)

RESERVED = {APPROVAL, ROUTER, TOOLS, VERIFIER, FALLBACK, RACE, CHECK, START, END, *State.__annotations__}


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
    sticky: float | None = None,
    approve_above_usd: float | None = None,
    feedback: Callable[[RequestRecord], object] | None = None,
    checkpointer: Any = None,
    health: Health | None = None,
    joint: Any = None,
    explore: float = 0.0,
    shadow: Shadows | None = None,
    demotion: Demotion | None = None,
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
        sticky: a conversation stays with the model of its last answer unless another is worth this much more, in units
            of quality times dial; None: every turn is decided anew.
        approve_above_usd: calls forecast to cost more wait for a person (`interrupt`; it needs a checkpointer).
        feedback: told about each finished request; it must not block, and what it raises is only logged.
        checkpointer: any LangGraph checkpointer.
        health: what calls have shown of each model, for those who want to read or share it.
        joint: a `JointModel`: weighs all answers of a request together, and tells the strategy "joint" whom to ask.
        explore: the share of requests that another model answers, chosen by chance among those that may be asked, so
            that `pointsman replay` can judge what was not done; 0 to 0.5.
        shadow: asks a second model beside a share of requests and shows nobody its answer.
        demotion: serves its constant while the measured benefit of routing is in doubt; it has to be told of requests.

    Raises:
        UsageError: if there is no model to ask, or an argument is outside its range.
    """
    policy = priced(policy, catalogue)
    cards = usable_cards(policy, catalogue, models)
    clients = chat_models(cards) if models is None else models
    health = Health() if health is None else health
    router = make_router(policy, cards, strategy, dial, sticky, health)
    dear = math.inf if approve_above_usd is None else above("approve_above_usd", approve_above_usd)
    router.joint, router.exploration = joint, Exploration(explore, dear)
    router.demotion, router.is_kept = demotion, bool(checkpointer)
    names, tool_of, seen_by = node_names(cards), by_name(tools), verifier or verifiers.standard()
    begin = begun_by(shadow, cards, clients, seen_by, dear)
    finish = Finish(name_of(strategy), feedback, digests(policy, cards), begin)
    described = [convert_to_openai_tool(tool) for tool in tools]
    asked = {model: ModelNode(card, clients[model], described, health) for model, card in cards.items()}
    callers: dict[str, Step] = {names[model]: node for model, node in asked.items()}
    callers |= {RACE: RaceNode(asked), CHECK: CheckNode(asked)}

    nodes: dict[str, Step] = {ROUTER: router, **callers, FALLBACK: FallbackNode(router, finish)}
    nodes[VERIFIER] = VerifierNode(verifiers.comparing(seen_by, joint), names, router, finish)
    if tools:
        nodes[TOOLS] = ToolNode(tool_of, cards, above("tool_timeout_s", tool_timeout_s))
    if approve_above_usd is not None:
        nodes[APPROVAL] = ApprovalNode(router, finish)

    graph = StateGraph(State, input_schema=Request, output_schema=Answer)
    graph.add_edge(START, ROUTER)
    callers_of_tools = [names[model] for model, card in cards.items() if rounds.TOOL in card.capabilities]
    for name, edge, targets in edges(names, callers_of_tools, nodes, dear):
        # tools make one of several models answer later than the others: the verifier waits for all
        waits = name == VERIFIER and bool(tools)
        graph.add_node(name, Leading(nodes.pop(name), edge), destinations=tuple(targets), defer=waits)
    for name, node in nodes.items():
        graph.add_node(name, node)
        graph.add_edge(name, VERIFIER)
    # the router; twice approval, fallback, model, its tools, verifier for each model; fallback; a spare
    longest = (8 + 4 * MOST_ROUNDS) * len(cards) + 3
    return graph.compile(checkpointer=checkpointer).with_config(recursion_limit=longest)


def edges(
    names: Mapping[str, str], callers_of_tools: Sequence[str], nodes: Collection[str], dear: float
) -> list[tuple[str, Step, list[str]]]:
    """Return the conditional edges: where each begins, what decides, and where it may lead."""
    models = list(names.values())
    asks = [*models, RACE, CHECK, *([APPROVAL] if APPROVAL in nodes else ())]
    onwards = MoveEdge(names, FALLBACK, dear)
    rows: list[tuple[str, Step, list[str]]] = [
        (ROUTER, onwards, [name for name in (*asks, FALLBACK) if name != CHECK]),
        (VERIFIER, onwards, [*asks, FALLBACK, END]),
        (FALLBACK, MoveEdge(names, END, dear), [name for name in (*asks, END) if name not in (RACE, CHECK)]),
    ]
    if APPROVAL in nodes:
        rows.append((APPROVAL, onwards, [*asks, FALLBACK, END]))
    if TOOLS in nodes:
        rows += [(name, ModelEdge(names, name), [TOOLS, VERIFIER]) for name in (*callers_of_tools, RACE)]
        rows.append((TOOLS, ToolEdge(names), [*callers_of_tools, VERIFIER]))
    return rows


def node_names(models: Iterable[str]) -> dict[str, str]:
    """Return a node name per model: its own, unless LangGraph or this graph uses that name or its characters."""
    names: dict[str, str] = {}
    for model in models:
        name = model.replace(":", "_").replace("|", "_")
        while name in RESERVED or name in names.values():
            name += "_model"
        names[model] = name
    return names
