"""The tool node: runs what models call, bounded in rounds, calls and time, and says where the models go from there."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, wait
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.messages import ToolMessage, messages_to_dict
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, ToolException
from langgraph.constants import TAG_NOSTREAM
from langgraph.errors import GraphBubbleUp

from orchestrator import plain
from orchestrator.nodes import rounds
from orchestrator.nodes.state import RACE, TOOLS, VERIFIER
from orchestrator.nodes.step import Step
from router_training.capabilities import tokens_in
from router_training.contract import Attempt, Catalogue, ToolCall

MOST_ROUNDS = 4
MOST_CALLS = 16  # of one round
LONGEST_RESULT = 20_000  # characters


@dataclass(eq=False)
class ModelEdge(Step):
    """Leads from the node of a model, or from a race, to the tools that were called there, else to the verifier."""

    names: Mapping[str, str]
    node: str

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> str:
        here = [model for model, name in self.names.items() if self.node in (name, RACE)]
        return TOOLS if any(rounds.is_waiting(input, model) for model in here) else VERIFIER


@dataclass(eq=False)
class ToolEdge(Step):
    """Leads back to the models whose tools have run, else to the verifier."""

    names: Mapping[str, str]

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> str | list[str]:
        return [name for model, name in self.names.items() if rounds.is_ready(input, model)] or VERIFIER


@dataclass(eq=False)
class ToolNode(Step):
    """Runs the calls of every model that waits for some, all at once.

    A tool that fails or takes too long is no failure of the model: it is told, and may do better. A model that calls
    tools for more than MOST_ROUNDS rounds, or whose next call the limits do not allow, has failed.
    """

    tools: Mapping[str, BaseTool]
    cards: Catalogue
    timeout_s: float

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        drafts, running = self.begin(input, config)
        wait([future for futures in running.values() for future in futures], timeout=self.timeout_s)
        return self.written(input, drafts, running)

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        drafts, running = self.begin(input, config)
        futures = [asyncio.wrap_future(future) for futures in running.values() for future in futures]
        if futures:
            await asyncio.wait(futures, timeout=self.timeout_s)
        return self.written(input, drafts, running)

    def begin(
        self, state: Mapping[str, Any], config: RunnableConfig | None
    ) -> tuple[list[Attempt], dict[str, list[Future[Any]]]]:
        """Return the drafts that wait for tools, and the calls now running for those that may go on, by model."""
        models = [model for model in self.cards if rounds.is_waiting(state, model)]
        drafts = [rounds.draft_of(state, model) for model in models]
        quiet: RunnableConfig = {
            **(config or {}),
            "tags": [*((config or {}).get("tags") or ()), TAG_NOSTREAM],
        }
        running = {
            draft.model: [self.start(call, quiet) for call in open_calls(draft)[:MOST_CALLS]]
            for draft in drafts
            if self.why_not(state, draft, 0) is None
        }
        return drafts, running

    def start(self, call: ToolCall, config: RunnableConfig) -> Future[Any]:
        """Run one call in a thread of its own, which a tool that hangs may keep without harm."""
        future: Future[Any] = Future()
        start = time.perf_counter()

        def run() -> None:
            # batch hands back what a tool raised, whatever it is
            found = self.tools[call.name].batch([_request(call)], config, return_exceptions=True)[0]
            future.set_result((found, time.perf_counter() - start))

        if (wrong := self.wrong(call)) is not None:
            future.set_result((wrong, 0.0))
        else:
            threading.Thread(target=copy_context().run, args=(run,), daemon=True).start()
        return future

    def wrong(self, call: ToolCall) -> Exception | None:
        """Return what is wrong with a call before it is made, if anything."""
        if call.name not in self.tools:
            return ToolException(f"there is no tool {call.name!r}; there are {', '.join(self.tools)}")
        try:
            json.loads(call.args)
        except ValueError:
            return ToolException(f"the arguments are not JSON: {call.args[:200]}")
        return None

    def written(
        self,
        state: Mapping[str, Any],
        drafts: Sequence[Attempt],
        running: Mapping[str, Sequence[Future[Any]]],
    ) -> dict[str, Any]:
        """Return the drafts with the results of their calls, and what each model is told next."""
        update: dict[str, Any] = {"drafts": [], "turns": {}}
        for draft in drafts:
            done = self.results(draft, running.get(draft.model))
            told = [
                ToolMessage(call.result or "", tool_call_id=call.call_id, name=call.name) for call in done
            ]
            earlier = draft.tool_calls[: -len(done)]
            latency_s = draft.latency_s + max(call.latency_s for call in done)
            after = replace(draft, tool_calls=(*earlier, *done), latency_s=latency_s)
            reason = self.why_not(state, after, sum(tokens_in(call.result or "") for call in done))
            if reason is not None:
                after = replace(after, text=None, error=reason)
            update["drafts"].append(plain.plain(after))
            next_turns = messages_to_dict(told) if reason is None else [rounds.END_OF_TURNS]
            update["turns"][draft.model] = [*rounds.turns_of(state, draft.model), *next_turns]
        return update

    def results(self, draft: Attempt, running: Sequence[Future[Any]] | None) -> list[ToolCall]:
        """Return the calls of the last round with what came of them; without results where none was to run."""
        asked = open_calls(draft)
        if running is None:
            return list(asked)
        done = [self.result(call, one) for call, one in zip(asked, running, strict=False)]
        return [*done, *(_not_run(call) for call in asked[len(done) :])]

    def result(self, call: ToolCall, future: Future[Any]) -> ToolCall:
        """Return the call with what came of it."""
        if not future.done():
            late = f"error: {call.name} took more than {self.timeout_s:g} s and was given up"
            return replace(call, result=late, latency_s=self.timeout_s)
        found, latency_s = future.result()
        if isinstance(found, GraphBubbleUp):  # a tool may ask a person: the graph stops, and comes back here
            raise found
        text = f"error: {found or type(found).__name__}" if isinstance(found, Exception) else _text(found)
        return replace(call, result=text[:LONGEST_RESULT], latency_s=latency_s)

    def why_not(self, state: Mapping[str, Any], draft: Attempt, tokens: int) -> str | None:
        """Return None where the model may be called once more, reading `tokens` more, else the reason in one line."""
        if rounds.rounds_of(state, draft.model) > MOST_ROUNDS:
            return f"called tools for more than {MOST_ROUNDS} rounds without an answer"
        forecast = next(one for one in state["decision"]["forecasts"] if one["model"] == draft.model)
        left = rounds.bounds_left(state, draft)
        # nobody knows the next call better than the first: its forecast, and the words that have come since
        usd = max(forecast["usd"], forecast["usd_high"] or 0.0)
        usd += self.cards[draft.model].usd(tokens + (draft.completion_tokens or 0), 0)
        latency_s = max(
            forecast["latency_high_s"] or 0.0, forecast["latency_s"]
        )  # an unknown one is NaN, and fits
        if left["usd"] is not None and usd > left["usd"]:
            return f"called tools, and another call might cost ${usd:.3g} where ${left['usd']:.3g} are left"
        if left["timeout_s"] is not None and (left["timeout_s"] <= 0.0 or latency_s > left["timeout_s"]):
            return f"called tools, and another call might take {latency_s:.3g} s where {left['timeout_s']:.3g} s are left"
        return None


def open_calls(draft: Attempt) -> tuple[ToolCall, ...]:
    """Return the calls that have no result yet: those of the last round."""
    return tuple(call for call in draft.tool_calls if call.result is None)


def _request(call: ToolCall) -> dict[str, Any]:
    return {"name": call.name, "args": json.loads(call.args), "id": call.call_id, "type": "tool_call"}


def _text(found: Any) -> str:
    return str(found.text) if isinstance(found, ToolMessage) else str(found)


def _not_run(call: ToolCall) -> ToolCall:
    return replace(call, result=f"error: not run; {MOST_CALLS} calls at once are the most")
