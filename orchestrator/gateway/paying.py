"""What a request may cost is set aside before it starts; what it has cost takes the place of that in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import BaseMessage

from orchestrator.calls import LONGEST_ANSWER
from orchestrator.gateway.callers import Caller, Gate
from orchestrator.gateway.openai_schema import ChatRequest
from orchestrator.gateway.spending import Hold
from orchestrator.nodes import conversation
from router_training.capabilities import USUAL_ANSWER_TOKENS
from router_training.contract import ModelCard


@dataclass(frozen=True, slots=True)
class Price:
    """What a request costs in USD: `most` if every model answers and checks at full length, `least` to start at all."""

    most: float
    least: float


def price_of(given: ChatRequest, messages: Sequence[BaseMessage], cards: Sequence[ModelCard]) -> Price:
    """Return what a request may cost over these cards; each of `n` choices is reckoned as a request of its own."""
    read = conversation.tokens_of(messages) + conversation.tokens_of_tools(given.tools)
    limit = given.max_completion_tokens or given.max_tokens
    n = given.n or 1
    most = sum(card.usd(read, limit or card.max_tokens or LONGEST_ANSWER) for card in cards)
    usual = min(limit or USUAL_ANSWER_TOKENS, USUAL_ANSWER_TOKENS)
    least = min((card.usd(read, min(usual, card.max_tokens or usual)) for card in cards), default=0.0)
    return Price(2 * n * most, n * least)


class Payment:
    """What one request pays: begin it with `reserve`, end it with `pay` in any case.

    `max_usd` is what the graph may spend (None: no limit), for each of the choices that are asked for.
    """

    def __init__(self, gate: Gate, hold: Hold | None, max_usd: float | None) -> None:
        self._gate, self._hold, self.max_usd = gate, hold, max_usd

    @classmethod
    async def reserve(
        cls,
        gate: Gate,
        caller: Caller,
        given: ChatRequest,
        messages: Sequence[BaseMessage],
        cards: Sequence[ModelCard],
        max_usd: float | None,
    ) -> Payment:
        """Set aside what the request may cost, at most `max_usd` for each choice.

        Raises:
            ApiError: 429, because the caller's budget does not cover it.
        """
        n = given.n or 1
        if caller.key is None:
            return cls(gate, None, None if max_usd is None else max_usd / n)
        price = price_of(given, messages, cards)
        most = price.most if max_usd is None else min(price.most, max_usd)
        hold = await gate.reserve(caller, most, price.least)
        is_limited = max_usd is not None or caller.key.allowance.has_budget
        return cls(gate, hold, hold.usd / n if is_limited else None)

    def pay(self, state: Mapping[str, Any] | None, lost_usd: float | None = None) -> None:
        """Pay what the graph's last state says; without one `lost_usd`, and if nobody knows that, all that was set aside."""
        hold, self._hold = self._hold, None
        if hold is not None:
            known = lost_usd if state is None else float(state["usd"])
            self._gate.settle(hold, hold.usd if known is None else known)
