"""A router in use: policy, cards and clients, with the graphs built over them. A hot reload makes another one."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.language_models import BaseChatModel

from orchestrator.assembly import make_router
from orchestrator.demotion import Demotion
from orchestrator.gateway.drifting import Drifting
from orchestrator.graph import build_graph
from orchestrator.health import Health
from orchestrator.moves import Move, Situation
from orchestrator.nodes.router import RouterNode
from orchestrator.nodes.walk import Walk
from orchestrator.shadowing import Shadows
from orchestrator.strategies import load
from orchestrator.verifiers import standard
from router_training.answer_model import AnswerModel
from router_training.contract import Catalogue, RequestRecord
from router_training.joint_model import JointModel
from router_training.policy import Policy

STICKY = 0.05
MOST_GRAPHS = 32


def direct(situation: Situation) -> Move:
    """Ask the one model that the caller names."""
    return load("cost_based")(situation)


@dataclass(frozen=True, eq=False)
class Routing:
    """Everything that answers requests; `policy` None routes by the roles of the cards.

    `reference` is what savings are reckoned against: the model that does best on the tasks held out at training, for
    it is what one would ask without a router; without a policy the dearest.
    """

    origin: str
    policy: Policy | None
    answer_model: AnswerModel | None
    cards: Catalogue
    clients: Mapping[str, BaseChatModel]
    health: Health
    feedback: Callable[[RequestRecord], object] | None
    dial: float
    reference: str
    joint: JointModel | None = None
    explore: float = 0.0
    shadow: Shadows | None = None
    demotion: Demotion | None = None
    drifting: Drifting | None = None
    _graphs: OrderedDict[str, Any] = field(default_factory=OrderedDict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def graph(self, strategy: str) -> Any:
        """Return the graph that answers by a strategy.

        Raises:
            UsageError: if there is no such strategy.
        """
        return self._kept(strategy, lambda: self._build(strategy, self.policy, self.cards))

    def graph_for(self, model: str) -> Any:
        """Return the graph that asks the one model that is allowed: with the policy's forecasts where it knows it."""
        known = self.policy is not None and model in self.policy.models
        if known:
            return self._kept("direct", lambda: self._build(direct, self.policy, self.cards))
        return self._kept("unknown to the policy", lambda: self._build(direct, None, self.cards))

    def decider(self, strategy: str) -> RouterNode:
        """Return what decides by a strategy without asking any model.

        Raises:
            UsageError: if there is no such strategy.
        """
        node: RouterNode = self._kept(f"only decide: {strategy}", lambda: self._decider(strategy))
        return node

    def _decider(self, strategy: str) -> RouterNode:
        cards = self.cards if self.policy is None else {name: self.cards[name] for name in self.policy.models}
        node = make_router(self.policy, cards, strategy, self.dial, STICKY, self.health)
        node.joint = self.joint
        return node

    def _build(self, strategy: Any, policy: Policy | None, cards: Catalogue) -> Any:
        if policy is not None:
            cards = {name: cards[name] for name in policy.models}
        graph = build_graph(
            policy,
            catalogue=cards,
            strategy=strategy,
            models=self.clients,
            verifier=standard(None if policy is None else self.answer_model),
            dial=self.dial,
            sticky=STICKY,
            feedback=self._told,
            health=self.health,
            joint=None if policy is None else self.joint,
            shadow=None if strategy is direct else self.shadow,
            explore=0.0 if strategy is direct or self._is_promised() else self.explore,
            demotion=None if strategy is direct else self.demotion,
        )
        return Walk(graph)

    @property
    def _told(self) -> Callable[[RequestRecord], object] | None:
        """Who is told of finished requests: what measures benefit and drift, and feedback, which may fail."""
        told = [one for one in (self.demotion, self.drifting, self.feedback) if one is not None]
        if len(told) < 2:
            return told[0] if told else None

        def tell(record: RequestRecord) -> None:
            for one in told:
                one(record)

        return tell

    @property
    def is_demoted(self) -> bool:
        """Whether the best constant serves for now."""
        return self.demotion is not None and self.demotion.is_on

    def serving(self) -> str:
        """Return what serves now, in words."""
        if self.demotion is None or not self.is_demoted:
            return self.origin
        return f"{self.origin}: {self.demotion.sentence()}"

    def _is_promised(self) -> bool:
        return self.policy is not None and self.policy.promise_status(self.dial).holds

    def _kept(self, key: str, build: Callable[[], Any]) -> Any:
        """Return a graph that was built before, or build it; callers choose strategies, so only so many are kept."""
        with self._lock:
            if key not in self._graphs:
                self._graphs[key] = build()
                if len(self._graphs) > MOST_GRAPHS:
                    self._graphs.popitem(last=False)
            self._graphs.move_to_end(key)
            return self._graphs[key]


def reference_of(policy: Policy | None, cards: Catalogue) -> str:
    """Return the name of the reference model."""
    if policy is not None and policy.learned.held_out is not None:
        constants = [point for point in policy.operating_points if point.model is not None]
        if constants:
            best = max(constants, key=lambda point: (point.quality, -point.usd))
            return str(best.model)
    return max(cards.values(), key=lambda card: (card.usd_per_mtok_out, card.usd_per_mtok_in, card.name)).name
