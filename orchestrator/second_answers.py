"""A finished request asked once more, of another model: the call, its evidence, and the record of both."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from langchain_core.language_models import BaseChatModel

from orchestrator import plain
from orchestrator.calls import LONGEST_ANSWER, Bounds
from orchestrator.health import Health
from orchestrator.nodes import conversation
from orchestrator.nodes.model import ModelNode
from orchestrator.nodes.state import Request, is_conversation, task_of
from orchestrator.verifiers import Verifier, verified
from router_training.contract import Attempt, Catalogue, Decision, RequestRecord

STRATEGY = "shadow"
CUT = ("length", "max_tokens")
"""How endpoints call an answer that a limit has cut: the limit may be ours, so it says nothing of the model."""


@dataclass(frozen=True, eq=False)
class SecondAnswers:
    """Asks the models of a graph once more; what their endpoints do here, served requests never hear of.

    None is asked that is forecast to cost more than `below_usd`.
    """

    cards: Catalogue
    clients: Mapping[str, BaseChatModel]
    verifiers: Sequence[Verifier]
    below_usd: float = math.inf
    health: Health = field(default_factory=Health)

    def call(
        self,
        state: Mapping[str, Any],
        model: str,
        options: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
    ) -> dict[str, Any]:
        """Return what a model node is given: the request, as it was asked of others, and a move of its own."""
        asked = {key: state[key] for key in Request.__annotations__ if key in state}
        asked.pop("input" if is_conversation(state) else "messages", None)
        if asked.get("options"):
            asked["options"] = dict(options(asked["options"]))
        move = {"ask": [model], "check": True, "bounds": {}}
        call = {**asked, "decision": state["decision"], "move": move}
        usd = self.most_usd(call, model)
        return {**call, "move": {**move, "bounds": {model: {"timeout_s": None, "usd": usd}}}}

    def most_usd(self, call: Mapping[str, Any], model: str) -> float:
        """Return what the call may cost at most."""
        card, messages = self.cards[model], self._node(model).messages(call)
        return card.usd(conversation.tokens_of(messages), card.max_tokens or LONGEST_ANSWER)

    def ask(
        self, call: Mapping[str, Any], model: str, record: RequestRecord, propensity: float
    ) -> RequestRecord:
        """Ask, look at the answer, and return the record of both."""
        return self._judged(call, self._node(model).invoke(call), record, propensity)

    async def ask_later(
        self, call: Mapping[str, Any], model: str, record: RequestRecord, propensity: float
    ) -> RequestRecord:
        """Ask without blocking the event loop; verifiers look in a thread."""
        written = await self._node(model).ainvoke(call)
        return await asyncio.to_thread(self._judged, call, written, record, propensity)

    def broken_off(self, model: str, record: RequestRecord, propensity: float) -> RequestRecord:
        """Return the record of a call that was stopped under way."""
        usd = next(one.usd for one in record.decision.forecasts if one.model == model)
        error = "broken off: the process stops"
        stopped = Attempt(model, None, error=error, usd=usd, usd_estimated=True, cancelled=True)
        return recorded(stopped, record, propensity)

    def _judged(
        self, call: Mapping[str, Any], written: Mapping[str, Any], record: RequestRecord, propensity: float
    ) -> RequestRecord:
        draft = plain.attempt(written["drafts"][0])
        if draft.text is not None and draft.finish_reason not in CUT:
            forecast = next(one for one in record.decision.forecasts if one.model == draft.model)
            left = Bounds(usd=self.most_usd(call, draft.model) - draft.usd)
            draft = verified(self.verifiers, task_of(call), draft, forecast, left)
        return recorded(draft, record, propensity)

    def _node(self, model: str) -> ModelNode:
        return ModelNode(self.cards[model], self.clients[model], health=self.health)


def recorded(attempt: Attempt, record: RequestRecord, propensity: float) -> RequestRecord:
    """Return a second answer as a request of its own, in the shadow of the one that was served."""
    decision = record.decision
    reason = f"asked in the shadow of {record.trace_id}; nobody saw the answer"
    return replace(
        record,
        trace_id=hashlib.sha256(f"shadow {record.trace_id}".encode()).hexdigest()[:32],
        time=datetime.now(UTC).isoformat(),
        strategy=STRATEGY,
        decision=Decision(
            attempt.model, decision.dial, propensity, reason, decision.forecasts, decision.barred
        ),
        attempts=(attempt,),
        result=attempt.text or "",
        model=None if attempt.text is None else attempt.model,
        confidence=attempt.confidence,
        usd=attempt.usd + sum(one.usd for one in attempt.evidence),
        latency_s=attempt.latency_s + sum(one.latency_s for one in attempt.evidence),
        shadow_of=record.trace_id,
    )
