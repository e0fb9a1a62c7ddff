"""One call of one model: how long it may take, what is repeated, and what is learned from it.

This is the one place for retries and time limits; the clients of `models.chat_model` make a single try.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig

from orchestrator import failures
from orchestrator.breaker import Permit
from orchestrator.failures import Kind, is_failure, kind_of, retry_after_s
from orchestrator.health import Health
from orchestrator.showing import Shown
from router_training.capabilities import tokens_in
from router_training.contract import ModelCard

TRIES = 3
LONGEST_ANSWER = 4096  # tokens
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 8.0  # what a first pause takes at most, and what any does
ENDS = {"finish_reason", "status"}  # one of which langchain-openai knows of an answer, be it None
MOST_THREADS = 10_000  # of one model; calls that hang keep theirs

T = TypeVar("T")
Client = Runnable[Any, BaseMessage]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one call may take and cost at most (None: no limit), and the seconds that the policy expected (NaN: none)."""

    timeout_s: float | None = None
    usd: float | None = None
    expected_s: float = float("nan")

    def less(self, used: Iterable[Spent]) -> Bounds:
        """Return what is left after these calls, made one after the other."""
        used_s, used_usd = 0.0, 0.0
        for one in used:
            used_s, used_usd = used_s + one.latency_s, used_usd + one.usd
        return Bounds(
            None if self.timeout_s is None else self.timeout_s - used_s,
            None if self.usd is None else self.usd - used_usd,
            self.expected_s,
        )


class Spent(Protocol):
    """What took time and money: an attempt, or evidence."""

    @property
    def usd(self) -> float: ...
    @property
    def latency_s(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Called:
    """How a call went: a message, or what kind of failure and the error that tells more.

    `charged` counts the tries without an answer that the provider may have charged for.
    """

    latency_s: float
    tries: int
    message: BaseMessage | None = None
    failure: Kind | None = None
    error: Exception | str = ""
    charged: int = 0


@dataclass(eq=False)
class _Call:
    """A call under way; `until` is when it is cut, on the clock of `Health`; `charged` is as `Called` has it."""

    start: float
    until: float
    limit_s: float
    is_hurried: bool
    bounds: Bounds
    permit: Permit
    options: dict[str, Any]
    shown: Shown | None
    tries: int = 0
    charged: int = 0


class Threads:
    """Idle threads are used again; a thread whose work hangs is lost until that ends."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._pool, self._process = ThreadPoolExecutor(most), os.getpid()

    def run(self, work: Callable[[], T], limit_s: float) -> T:
        """Return what `work` returns, or raise TimeoutError when that takes longer than `limit_s`."""
        if self._process != os.getpid():  # threads do not live on in a fork
            self._pool, self._process = ThreadPoolExecutor(self._most), os.getpid()
        return self._pool.submit(contextvars.copy_context().run, work).result(limit_s)


@dataclass(eq=False)
class Caller:
    """Calls the model of one card within bounds; raises only what is no failure of the model.

    `model` says which bounds it can be told; what is called, `client`, is that model, perhaps with tools bound to it.
    """

    card: ModelCard
    model: BaseChatModel
    health: Health
    _threads: Threads = field(init=False, default_factory=lambda: Threads(MOST_THREADS))

    def call(
        self,
        client: Client,
        messages: Sequence[BaseMessage],
        config: RunnableConfig | None,
        bounds: Bounds,
        shown: Shown | None = None,
    ) -> Called:
        """Call and wait; a call that is cut goes on unheard in its thread until the client's own time limit.

        What has been `shown` in part is not begun again.
        """
        call = self._begin(messages, bounds, shown)
        if isinstance(call, Called):
            return call

        ask = partial(self._try, call, client, messages, config)
        try:
            is_instant = getattr(self.model, "instant", False)
            message = ask() if is_instant else self._threads.run(ask, call.limit_s)
        except failures.possible() as error:
            return self._failed(call, error)
        else:
            return self._answered(call, message)
        finally:
            call.permit.end()  # changes nothing unless the call was cancelled or broke off

    async def acall(
        self,
        client: Client,
        messages: Sequence[BaseMessage],
        config: RunnableConfig | None,
        bounds: Bounds,
        shown: Shown | None = None,
    ) -> Called:
        """Call without blocking the event loop; a call that is cut is cancelled."""
        call = self._begin(messages, bounds, shown)
        if isinstance(call, Called):
            return call

        try:
            async with asyncio.timeout(call.limit_s):
                message = await self._atry(call, client, messages, config)
        except failures.possible() as error:
            return self._failed(call, error)
        except asyncio.CancelledError:  # such as for a stand-in that answered first
            latency_s = self.health.clock() - call.start
            self.health.latency(self.card.name).add_cut(latency_s, bounds.expected_s)
            raise
        else:
            return self._answered(call, message)
        finally:
            call.permit.end()  # changes nothing unless the call was cancelled or broke off

    def _try(
        self, call: _Call, client: Client, messages: Sequence[BaseMessage], config: RunnableConfig | None
    ) -> BaseMessage:
        while True:
            call.tries += 1
            try:
                return _whole(client.invoke(list(messages), config, **call.options))
            except failures.possible() as error:
                if (pause_s := self._pause_s(call, error)) is None:
                    raise
            time.sleep(pause_s)

    async def _atry(
        self, call: _Call, client: Client, messages: Sequence[BaseMessage], config: RunnableConfig | None
    ) -> BaseMessage:
        while True:
            call.tries += 1
            try:
                return _whole(await client.ainvoke(list(messages), config, **call.options))
            except failures.possible() as error:
                if (pause_s := self._pause_s(call, error)) is None:
                    raise
            await asyncio.sleep(pause_s)

    def _begin(self, messages: Sequence[BaseMessage], bounds: Bounds, shown: Shown | None) -> _Call | Called:
        left_s, breaker = bounds.timeout_s, self.health.breaker(self.card.name)
        if left_s is not None and left_s <= 0.0:
            return Called(0.0, 0, None, failures.TOO_LATE, "not asked, for the deadline has passed")
        prompt_tokens = sum(tokens_in(str(message.text)) for message in messages)
        if bounds.usd is not None and self.card.usd(prompt_tokens, 1) > bounds.usd:
            reason = f"not asked, for {prompt_tokens:,} tokens cost more to read than the ${max(bounds.usd, 0.0):.3g} left"
            return Called(0.0, 0, None, failures.TOO_DEAR, reason)
        permit = breaker.begin()
        if permit is None:
            reason = breaker.refusal() or "circuit open a moment ago, try again now"
            return Called(0.0, 0, None, failures.CIRCUIT_OPEN, reason)
        limit_s = self.card.timeout_s if left_s is None else min(left_s, self.card.timeout_s)
        is_hurried = limit_s < self.card.timeout_s
        start = self.health.clock()
        options: dict[str, Any] = {**_token_limit(self.card, self.model, prompt_tokens, bounds.usd)}
        if is_hurried and "request_timeout" in type(self.model).model_fields:
            options["timeout"] = limit_s
        return _Call(start, start + limit_s, limit_s, is_hurried, bounds, permit, options, shown)

    def _pause_s(self, call: _Call, error: Exception) -> float | None:
        """Return the seconds until the next try, None if this one was the last.

        The pauses are random and grow ("Exponential Backoff And Jitter", AWS 2015, full jitter), but are no shorter
        than the endpoint asks for. Under a budget, what may have been charged for is not asked for again; neither is
        what has been shown in part, for a second beginning would be read as the rest of the first.
        """
        if call.tries >= TRIES or not is_failure(error) or (call.shown is not None and call.shown.any):
            return None
        kind = kind_of(error)
        if not kind.passes or (kind.may_cost and call.bounds.usd is not None):
            return None
        longest_s = min(LONGEST_PAUSE_S, SHORTEST_PAUSE_S * 2.0 ** (call.tries - 1))
        pause_s = max(random.uniform(0.0, longest_s), retry_after_s(error) or 0.0)
        if self.health.clock() + pause_s >= call.until:
            return None
        call.charged += kind.may_cost
        return pause_s

    def _failed(self, call: _Call, error: Exception) -> Called:
        if not is_failure(error):
            raise error
        kind, latency_s = kind_of(error), self.health.clock() - call.start
        said: Exception | str = error
        if kind is failures.TIMEOUT:
            limit = "what the request's deadline left" if call.is_hurried else "timeout_s of its card"
            said = f"timed out after {latency_s:.3g} s ({limit})"
            window = self.health.latency(self.card.name)
            learn = window.add_cut if call.is_hurried else window.add  # many callers cannot wait
            learn(latency_s, call.bounds.expected_s)
        # that a hurried caller could not wait says nothing of the endpoint
        blames = kind.blames and not (kind is failures.TIMEOUT and call.is_hurried)
        call.permit.end(False if blames else None, retry_after_s(error))
        return Called(latency_s, call.tries, None, kind, said, call.charged + kind.may_cost)

    def _answered(self, call: _Call, message: BaseMessage) -> Called:
        latency_s = message.response_metadata.get("latency_s", self.health.clock() - call.start)
        call.permit.end(True)
        self.health.latency(self.card.name).add(latency_s, call.bounds.expected_s)
        return Called(latency_s, call.tries, message, charged=call.charged)


def _whole(message: BaseMessage) -> BaseMessage:
    """Return an answer that came to its end.

    langchain-openai takes a stream that just ends for a whole answer: neither why it ended nor any usage is then known.

    Raises:
        ConnectionResetError: if it did not.
    """
    about = message.response_metadata
    is_cut = about.get("model_provider") == "openai" and not about.keys() & ENDS
    if is_cut and getattr(message, "usage_metadata", None) is None:
        raise ConnectionResetError("the stream ended before the answer did")
    return message


def is_told_tokens(model: BaseChatModel) -> bool:
    """Tell whether a call can say how many tokens the model may write."""
    return "max_tokens" in type(model).model_fields


def _token_limit(
    card: ModelCard, model: BaseChatModel, prompt_tokens: int, usd: float | None
) -> Mapping[str, int]:
    """Return how many tokens the model may write so that the call costs at most `usd`, where the model takes orders.

    Nothing where its context makes it stop before that. Endpoints refuse limits beyond what they can write at all, so
    a card that declares no `max_tokens` is held to LONGEST_ANSWER under a budget.
    """
    if usd is None or card.usd_per_mtok_out <= 0.0 or not is_told_tokens(model):
        return {}
    affordable = max(1, int((usd - card.usd(prompt_tokens, 0)) * 1e6 / card.usd_per_mtok_out))
    if card.context_tokens is not None and affordable >= card.context_tokens - prompt_tokens:
        return {}
    return {"max_tokens": min(affordable, card.max_tokens or LONGEST_ANSWER)}
