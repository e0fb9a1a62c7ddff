"""A hard budget: the price of a call at most is set aside before the call, so no run can spend more than it was given."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from router_training.capabilities import USUAL_ANSWER_TOKENS, tokens_in
from router_training.contract import ModelCard, Task

LONGEST_ANSWER = 4096
"""Tokens that a call under a budget in USD is held to where its card does not say."""
_TOKENS_PER_MESSAGE = 16
_TOKENS_PER_CALL = 200
"""Room for what an endpoint puts around a prompt unasked: its chat template, a system prompt of its own."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be spent in all, earlier runs into the same folder included; None is no limit."""

    usd: float | None = None
    calls: int | None = None


class Budget:
    """What is spent and what is set aside; `usd` and `calls` count what earlier runs spent too."""

    def __init__(self, limits: Limits, usd: float = 0.0, calls: int = 0) -> None:
        self.limits = limits
        self.usd, self.calls = usd, calls
        self._held_usd, self._held_calls = 0.0, 0
        self._settled = asyncio.Event()

    async def reserve(self, usd: float) -> bool:
        """Set the price of a call at most aside; where it does not fit, wait for calls under way, then say False."""
        while not self._fits(usd):
            if not self._held_calls:
                return False
            self._settled.clear()
            await self._settled.wait()
        self._held_usd += usd
        self._held_calls += 1
        return True

    def settle(self, reserved: float, usd: float, *, paid: bool) -> None:
        """Replace what was set aside by what was spent."""
        self._held_usd -= reserved
        self._held_calls -= 1
        if not self._held_calls:
            self._held_usd = 0.0  # no rounding is carried along
        self.usd += usd
        self.calls += paid
        self._settled.set()

    def _fits(self, usd: float) -> bool:
        limits = self.limits
        return (limits.usd is None or self.usd + self._held_usd + usd <= limits.usd) and (
            limits.calls is None or self.calls + self._held_calls < limits.calls
        )


def most_tokens(card: ModelCard, limits: Limits) -> int | None:
    """Return what an answer is held to: the card's `max_tokens`; under a budget in USD never without a limit."""
    return card.max_tokens or (None if limits.usd is None else LONGEST_ANSWER)


def usd_at_most(card: ModelCard, texts: list[str], max_tokens: int | None) -> float:
    """Return a price that no call exceeds whose endpoint keeps to `max_tokens`; 0 where nothing limits the answer.

    Tokenizers that read bytes make at most one token of each, so a prompt has no more tokens than bytes, but for what an
    endpoint adds itself.
    """
    if max_tokens is None:
        return 0.0
    read = sum(len(text.encode("utf-8", "replace")) + _TOKENS_PER_MESSAGE for text in texts)
    return card.usd(read + _TOKENS_PER_CALL, max_tokens)


def usd_expected(card: ModelCard, task: Task) -> float:
    """Return what asking this task may cost: four bytes a token, and an answer of the usual length."""
    written = min(card.max_tokens or USUAL_ANSWER_TOKENS, USUAL_ANSWER_TOKENS)
    read = tokens_in(task.prompt) + tokens_in(task.messages or "") + tokens_in(card.system_prompt or "")
    return card.usd(read, written)
