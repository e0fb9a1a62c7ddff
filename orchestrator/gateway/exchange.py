"""One request on its way: from the body to the graph, and from its last state to whoever keeps count."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar
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
from orchestrator.gateway.recordings import check_recorded
from orchestrator.gateway.routing import Routing
from orchestrator.gateway.service import Service
from orchestrator.gateway.wire import Completion, Wire
from orchestrator.moves import CHARACTERS_PER_TOKEN
from orchestrator.nodes import conversation
from router_training.contract import PointsmanError

HUNG_UP = 499
Result = TypeVar("Result")


@dataclass(eq=False)
class Exchange:
    """A chat request, the router it began with, and the line on which endpoints answer.

    Make it with `begin`, and do all work for it inside `accounted`.
    """

    service: Service
    routing: Routing
    caller: Caller
    route: str
    given: ChatRequest
    asked: Asked
    messages: list[BaseMessage]
    wire: Wire
    trace_id: str = field(default_factory=lambda: uuid4().hex)
    start: float = field(default_factory=time.perf_counter)
    first_token_s: float | None = None
    is_told: bool = False

    @classmethod
    def begin(cls, request: Request, caller: Caller, given: ChatRequest) -> Self:
        """Return the exchange for a request that its caller may make.

        Raises:
            ApiError: if the caller may not, or the request names what there is not.
        """
        service: Service = request.app.state.service
        routing, wanted = service.router, asked(given.model, request.headers, given.pointsman)
        _check(wanted, routing, caller)
        is_live = bool(given.stream) and given.n in (None, 1)  # mixed choices are told apart at the end
        wire, messages = Wire(is_live=is_live), from_openai(given.messages)
        check_recorded(routing.clients, wanted.direct, messages)
        return cls(service, routing, caller, request.scope["path"], given, wanted, messages, wire)

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
        cards = [self.routing.cards[name] for name in (self._allowed() if direct is None else (direct,))]
        max_usd = self.asked.limits.get("max_usd")
        payment = await Payment.reserve(
            self.service.gate, self.caller, self.given, self.messages, cards, max_usd
        )
        state = None
        try:
            request = self._request(payment.max_usd)
            state = await graph.ainvoke(request, {"configurable": {"trace_id": self.trace_id}})
        finally:
            payment.pay(state, self.lost().get("usd") if self.wire.begun else 0.0)
        return self.answered(state)

    def _allowed(self) -> tuple[str, ...]:
        return allowed_models(self.caller, self.routing.cards)

    def _request(self, max_usd: float | None) -> dict[str, Any]:
        self.service.conversations.tell(self.caller.name, self.asked.conversation, self.messages)
        limits = {**self.asked.limits, "max_usd": max_usd}
        if self.caller.models is not None and self.asked.direct is None:
            own = set(self._allowed())
            limits["allow"] = sorted(own.intersection(limits.get("allow") or own))
        return {
            "messages": self.messages,
            **limits,
            "tools": self.given.tools,
            "tool_choice": self.given.tool_choice,
            "response_format": self.given.response_format,
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
            ApiError: if no model answered; those who keep count are told.
        """
        try:
            return answers.completion_of(state, self.wire, self.trace_id, self.routing.cards)
        except ApiError as error:
            self.tell(error.status, state)
            raise

    def ours(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return what only we know of the answer."""
        return answers.ours(state, self.strategy, self.routing.reference)

    @contextmanager
    def accounted(self) -> Iterator[None]:
        """Tell those who keep count that the request is over, where the work inside fails."""
        try:
            yield
        except ApiError as error:
            self.tell(error.status)
            raise
        except PointsmanError:
            self.tell(400)
            raise
        except (asyncio.CancelledError, ConnectionResetError, GeneratorExit):
            self.tell(HUNG_UP, is_broken_off=True)
            raise
        except BaseException:
            self.tell(500)
            raise

    def tell(
        self, status: int, state: Mapping[str, Any] | None = None, *, is_broken_off: bool = False
    ) -> None:
        """Tell those who keep count that the request is over; the first word counts."""
        if self.is_told:
            return
        self.is_told = True
        state = self.lost() if state is None else state
        is_answered = (
            state.get("model") is not None and "attempts" in state
        )  # what has no answer saves nothing
        self.service.tell(
            Served(
                self.caller,
                self.route,
                self.asked.model,
                self.strategy,
                status,
                time.perf_counter() - self.start,
                state,
                answers.reference_usd_of(state, self.routing.reference) if is_answered else None,
                self.first_token_s,
                is_broken_off,
                conversation.shown(self.messages),
            )
        )

    def lost(self) -> dict[str, Any]:
        """Return what a request has cost that nobody waited for; without `usd` where nobody can know.

        Calls that were answered cost what they say, and the one that was heard as much as was heard of it.
        """
        if not self.wire.begun:
            return {}
        known = [self._lost_usd(model) for model in self.wire.begun]
        usd = [one for one in known if one is not None]
        cost = {"usd": sum(usd)} if len(usd) == len(known) else {}
        return {"model": self.wire.owner, "trace_id": self.trace_id, **cost}

    def _lost_usd(self, model: str) -> float | None:
        card, said = self.routing.cards[model], self.wire.completions.get(model)
        if said is not None and isinstance(usage := said.get("usage"), dict):
            return card.usd(usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0)
        if model != self.wire.owner:
            return None
        return card.usd(conversation.tokens_of(self.messages), self.wire.characters / CHARACTERS_PER_TOKEN)


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


async def or_hang_up(request: Request, work: Awaitable[Result]) -> Result:
    """Return what `work` returns; it is cancelled as soon as the client hangs up.

    Raises:
        ConnectionResetError: if the client did.
    """
    task, gone = asyncio.current_task(), asyncio.ensure_future(_gone(request))
    is_under_way = True

    def stop(_: asyncio.Future[None]) -> None:
        if is_under_way and task is not None:
            task.cancel()

    gone.add_done_callback(stop)
    try:
        return await work
    except asyncio.CancelledError:
        if gone.done() and task is not None and task.uncancel() == 0:
            raise ConnectionResetError("the client hung up") from None
        raise
    finally:
        is_under_way = False
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
