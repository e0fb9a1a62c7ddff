"""One request on its way: from the body to the graph, and from its last state to whoever keeps count."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import uuid4

from fastapi import Request
from langchain_core.messages import BaseMessage

from orchestrator.gateway import answers
from orchestrator.gateway.access import allowed_models, require_model
from orchestrator.gateway.asked import Asked, asked
from orchestrator.gateway.callers import Caller, Served
from orchestrator.gateway.errors import ApiError
from orchestrator.gateway.messages import from_openai
from orchestrator.gateway.openai_schema import ChatRequest
from orchestrator.gateway.paying import Payment
from orchestrator.gateway.routing import Routing
from orchestrator.gateway.service import Service
from orchestrator.gateway.wire import Completion, Wire
from orchestrator.nodes import conversation


@dataclass(eq=False)
class Exchange:
    """A chat request, the router it began with, and the line on which endpoints answer."""

    service: Service
    routing: Routing
    caller: Caller
    route: str
    given: ChatRequest
    asked: Asked
    wire: Wire
    trace_id: str = field(default_factory=lambda: uuid4().hex)
    start: float = field(default_factory=time.perf_counter)
    first_token_s: float | None = None
    prompt: str = ""

    @classmethod
    async def begin(cls, request: Request, given: ChatRequest) -> Self:
        """Return the exchange for a request whose caller may make it.

        Raises:
            ApiError: if the caller may not, or the request names what there is not.
        """
        service: Service = request.app.state.service
        caller = await service.gate.admit(request.headers)
        routing, wanted = service.router, asked(given.model, request.headers, given.pointsman)
        _check(wanted, routing, caller)
        is_live = (
            bool(given.stream) and (given.n or 1) == 1
        )  # choices that arrive mixed are told apart at the end
        return cls(service, routing, caller, request.url.path, given, wanted, Wire(is_live=is_live))

    @property
    def strategy(self) -> str:
        """What the strategy is called."""
        if self.asked.direct is not None:
            return "direct"
        settings = self.service.settings
        return self.asked.strategy or (settings.stream_strategy if self.given.stream else settings.strategy)

    async def answer(self) -> Mapping[str, Any]:
        """Have the graph answer, and pay for it; return the graph's last state.

        Raises:
            ApiError: 429, because the caller's budget does not cover the request.
        """
        direct = self.asked.direct
        graph = self.routing.graph(self.strategy) if direct is None else self.routing.graph_for(direct)
        messages = from_openai(self.given.messages)
        self.prompt = conversation.shown(messages)
        cards = [self.routing.cards[name] for name in (self._allowed() if direct is None else (direct,))]
        try:
            payment = await Payment.reserve(
                self.service.gate, self.caller, self.given, messages, cards, self.asked.limits.get("max_usd")
            )
        except ApiError as error:
            self.tell(error.status, {})
            raise
        state = None
        try:
            request = self._request(messages, payment.max_usd)
            state = await graph.ainvoke(request, {"configurable": {"trace_id": self.trace_id}})
        finally:
            payment.pay(state, self.lost().get("usd"))
        return self.answered(state)

    def _allowed(self) -> tuple[str, ...]:
        return allowed_models(self.caller, self.routing.cards)

    def _request(self, messages: list[BaseMessage], max_usd: float | None) -> dict[str, Any]:
        self.service.conversations.tell(self.caller.name, self.asked.conversation, messages)
        limits = {**self.asked.limits, "max_usd": max_usd}
        if self.caller.models is not None and self.asked.direct is None:
            own = set(self._allowed())
            limits["allow"] = sorted(own.intersection(limits.get("allow") or own))
        return {
            "messages": messages,
            **limits,
            "tools": self.given.tools,
            "tool_choice": self.given.tool_choice,
            "options": {"body": self.given.passed_on(), "wire": self.wire},
        }

    def answered(self, state: Mapping[str, Any]) -> Mapping[str, Any]:
        """Remember who answered the conversation."""
        if state["model"] is not None and self.asked.conversation is not None:
            self.service.conversations.remember(self.caller.name, self.asked.conversation, state["model"])
        return state

    def completion(self, state: Mapping[str, Any]) -> Completion:
        """Return the answer in OpenAI's words.

        Raises:
            ApiError: if no model answered.
        """
        return answers.completion_of(state, self.wire, self.trace_id, self.routing.cards)

    def ours(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return what only we know of the answer."""
        return answers.ours(state, self.strategy, self.routing.reference)

    def tell(
        self, status: int, state: Mapping[str, Any] | None = None, *, is_broken_off: bool = False
    ) -> None:
        """Tell those who keep count that the request is over."""
        state = self.lost() if state is None else state
        self.service.tell(
            Served(
                self.caller,
                self.route,
                self.asked.model,
                self.strategy,
                status,
                time.perf_counter() - self.start,
                state,
                answers.reference_usd_of(state, self.routing.reference) if "attempts" in state else None,
                self.first_token_s,
                is_broken_off,
                self.prompt,
            )
        )

    def lost(self) -> dict[str, Any]:
        """Return what a request may have cost that nobody waited for: the tokens that were heard, by their length."""
        model = self.wire.owner
        if model is None:
            return {}
        read = sum(len(str(message.get("content") or "")) for message in self.given.messages)
        usd = self.routing.cards[model].usd(read / 4, self.wire.characters / 4)
        return {"model": model, "usd": usd, "trace_id": self.trace_id}


def _check(wanted: Asked, routing: Routing, caller: Caller) -> None:
    """Pass where the request names models and strategies that exist and that the caller may use."""
    if wanted.direct is None:
        allowed_models(caller, routing.cards)
        if wanted.strategy is not None:
            routing.graph(wanted.strategy)
        return
    if wanted.direct not in routing.cards:
        raise ApiError(
            404,
            f"there is no model {wanted.direct!r}; ask for auto, or one of {', '.join(sorted(routing.cards))}",
            "model_not_found",
            "model",
        )
    require_model(caller, wanted.direct)


async def or_hang_up(request: Request, work: Any) -> Any:
    """Return what `work` returns; cancel it as soon as the client hangs up.

    Raises:
        ConnectionResetError: if the client did.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ConnectionResetError("the client hung up")
        return task.result()
    finally:
        for one in (task, gone):
            one.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
