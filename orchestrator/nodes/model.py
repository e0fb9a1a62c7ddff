"""A model node: one card, one call."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import merge_configs
from langgraph.constants import TAG_NOSTREAM
from pydantic import SecretStr

from orchestrator import failures, requests
from orchestrator.calls import Bounds, Called, Caller
from orchestrator.health import Health
from orchestrator.models import key_variable
from orchestrator.nodes import conversation, rounds
from orchestrator.nodes.finish import is_heard
from orchestrator.nodes.state import is_conversation
from orchestrator.nodes.step import Step
from orchestrator.showing import OneVoice, Shown
from router_training.contract import Attempt, ModelCard, PointsmanError

CHARACTERS_PER_TOKEN = 4
LONGEST_ERROR = 500
NOT_STREAMED = TAG_NOSTREAM
"""The tag of a call whose answer is checked before anyone sees it."""


@dataclass(eq=False)
class ModelNode(Step):
    """Asks one model; a failure is recorded, not raised. Retries and time limits are those of `Caller`."""

    card: ModelCard
    model: BaseChatModel
    tools: Sequence[Mapping[str, Any]] = ()
    health: Health = field(default_factory=Health)

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        messages, bounds = self.messages(input), self.bounds(input)
        config, shown = _heard(config, input)
        called = self.caller.call(self.client(input), messages, config, bounds, shown)
        return self.ended(messages, called, input, shown)

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        messages, bounds = self.messages(input), self.bounds(input)
        config, shown = _heard(config, input)
        called = await self.caller.acall(self.client(input), messages, config, bounds, shown)
        return self.ended(messages, called, input, shown)

    def ended(
        self, sent: Sequence[BaseMessage], called: Called, call: Mapping[str, Any], shown: Shown | None
    ) -> dict[str, Any]:
        """Return the update of the state; where a listener with an ear for one voice has heard this one, the last."""
        attempt = self.attempt(sent, called, call)
        update = self.written(attempt, called.message, call)
        if attempt.text is None and shown is not None and shown.any and shown.is_alone:
            return {**update, "max_attempts": 1}  # nobody else is asked, for nobody could be heard
        return update

    @cached_property
    def caller(self) -> Caller:
        """What keeps to the bounds of a call."""
        return Caller(self.card, self.model, self.health)

    def bounds(self, state: Mapping[str, Any]) -> Bounds:
        """Return what this call may take and cost, as the router has written it down for all rounds of an attempt.

        A stand-in starts later, and what earlier rounds with tools have used up is gone.
        """
        name, move = self.card.name, state["move"]
        known = move.get("bounds", {}).get(name, {})
        timeout_s, usd = known.get("timeout_s"), known.get("usd")
        used_s, spent_usd = move["after_s"] if name in move.get("hedge", ()) else 0.0, 0.0
        if rounds.turns_of(state, name):
            earlier = rounds.draft_of(state, name)
            used_s, spent_usd = used_s + earlier.latency_s, earlier.usd
        return Bounds(
            None if timeout_s is None else timeout_s - used_s,
            None if usd is None else usd - spent_usd,
            state["standing"]["expected_s"][name] if "standing" in state else math.nan,
        )

    def attempt(self, sent: Sequence[BaseMessage], called: Called, state: Mapping[str, Any]) -> Attempt:
        """Record how the call went."""
        if called.message is None:
            return self.failed(called, state)
        answered = self.answered(sent, called.message, called.latency_s)
        if called.charged:
            lost_usd = called.charged * self.forecast_usd(state)
            answered = replace(answered, usd=answered.usd + lost_usd, usd_estimated=True)
        if (reason := _refusal(called.message)) is None:
            return answered
        return replace(answered, text=None, error=f"refused: {reason}", failure=failures.REFUSED.name)

    def client(self, call: Mapping[str, Any]) -> Runnable[Any, BaseMessage]:
        """Return the model with the tools that it may call and the options of the request; a check has neither."""
        client = rounds.with_tools(self.model, self.card, self.tools, call)
        options = call.get("options") if "decision" in call else None
        return WithOptions(client, options) if options else client

    def written(
        self, attempt: Attempt, message: BaseMessage | None, call: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the update of the state."""
        return rounds.written(attempt, message, call, bool(self.tools))

    def messages(self, call: Mapping[str, Any]) -> list[BaseMessage]:
        """Return what is sent: the card's system prompt, then the conversation or the one prompt."""
        asked = (
            conversation.sendable(call["messages"])
            if is_conversation(call)
            else [HumanMessage(call["input"])]
        )
        if sources := call.get("move", {}).get("sources"):
            answers = [call["attempts"][i]["text"] for i in sources]
            asked = requests.with_request(asked, requests.synthesis(answers))
        system = self.card.system_prompt
        first = [SystemMessage(system)] if system else []
        return [*first, *asked, *rounds.sent_again(call, self.card.name)]

    def failed(self, called: Called, state: Mapping[str, Any]) -> Attempt:
        """Record why there is no answer; each try that the provider may have charged for is put at its forecast."""
        kind = called.failure or failures.UNKNOWN
        return Attempt(
            self.card.name,
            None,
            error=self.in_one_line(called),
            failure=kind.name,
            latency_s=called.latency_s,
            usd=called.charged * self.forecast_usd(state),
            usd_estimated=called.charged > 0,
            usd_at_most=self.bounds(state).usd if called.charged else None,
        )

    def forecast_usd(self, state: Mapping[str, Any]) -> float:
        """Return what a call is forecast to cost; 0 where nobody has forecast anything."""
        forecasts = state.get("decision", {}).get("forecasts", ())
        return next((float(one["usd"]) for one in forecasts if one["model"] == self.card.name), 0.0)

    def in_one_line(self, called: Called) -> str:
        """Return what went wrong in one line that shows no key."""
        error = called.error
        text = " ".join(str(error).split())
        if isinstance(error, Exception) and not isinstance(error, PointsmanError):
            text = f"{type(error).__name__}: {text}"
            if (base_url := self.card.base_url) is not None:
                text = f"{text.rstrip('.')}, at {base_url.rpartition('@')[2]}"
        for key in self._keys():
            text = text.replace(key, "***")
        text = text[:LONGEST_ERROR]  # not before: half a key is no longer recognised
        return f"{text}, after {called.tries} tries" if called.tries > 1 else text

    def _keys(self) -> set[str]:
        """Return every key that this model may know: the card's, and those that its client holds as secrets."""
        # a client that finds its key by itself looks where its provider's name says
        variable = key_variable(self.card) or f"{self.card.provider.upper()}_API_KEY"
        held = [getattr(self.model, name, None) for name in type(self.model).model_fields]
        secrets = {one.get_secret_value() for one in held if isinstance(one, SecretStr)} - {"none"}
        return {key for key in (os.environ.get(variable), *secrets) if key}

    def answered(self, sent: Sequence[BaseMessage], message: BaseMessage, latency_s: float) -> Attempt:
        """Record the answer, its tokens and its price."""
        text, about = str(message.text), message.response_metadata
        usage = getattr(message, "usage_metadata", None) or {}
        logprobs = _logprobs(about.get("logprobs"))
        return Attempt(
            model=self.card.name,
            text=text,
            usd=self.usd(usage, sent, text, about.get("usd")),
            latency_s=latency_s,
            prompt_tokens=usage.get("input_tokens"),
            completion_tokens=usage.get("output_tokens"),
            recorded=bool(about.get("recorded")),
            finish_reason=about.get("finish_reason"),
            mean_logprob=sum(logprobs) / len(logprobs) if logprobs else None,
            min_logprob=min(logprobs, default=None),
            tool_calls=tuple(rounds.calls_of(message)),
            message_id=message.id,
        )

    def usd(
        self,
        usage: Mapping[str, Any],
        sent: Sequence[BaseMessage],
        text: str,
        recorded_usd: float | None,
    ) -> float:
        """Price the tokens, cached ones as such; not counted, take the recorded price, else guess from the characters."""
        read, written = usage.get("input_tokens"), usage.get("output_tokens")
        if read is not None and written is not None:
            cached = (usage.get("input_token_details") or {}).get("cache_read") or 0
            return self.card.usd(read, written, min(cached, read))
        if recorded_usd is not None:
            return recorded_usd
        characters = sum(len(str(message.text)) for message in sent)
        return self.card.usd(characters / CHARACTERS_PER_TOKEN, len(text) / CHARACTERS_PER_TOKEN)


@dataclass(eq=False)
class WithOptions(Step):
    """A model that is told the options of a request; `bind` would merge configurations at every call."""

    client: Runnable[Any, BaseMessage]
    options: Mapping[str, Any]

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return self.client.invoke(input, config, **{**self.options, **kwargs})

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return await self.client.ainvoke(input, config, **{**self.options, **kwargs})


def _heard(
    config: RunnableConfig | None, state: Mapping[str, Any]
) -> tuple[RunnableConfig | None, Shown | None]:
    """Keep tokens from `stream_mode="messages"` while it is open whether the caller will get this answer.

    Where it is not, and somebody listens, what notices the first word is returned too.
    """
    if state["move"]["check"]:
        config = config or {}
        return {**config, "tags": [*(config.get("tags") or ()), NOT_STREAMED]}, None
    if not is_heard(config):
        return config, None
    shown = Shown(is_alone=any(isinstance(one, OneVoice) for one in _listeners(config)))
    return merge_configs(config, {"callbacks": [shown]}), shown


def _listeners(config: RunnableConfig | None) -> Sequence[Any]:
    callbacks = (config or {}).get("callbacks")
    return callbacks if isinstance(callbacks, list) else getattr(callbacks, "handlers", ())


def _logprobs(told: Any) -> list[float]:
    """Return the log-probabilities of the answer's tokens in OpenAI's form; empty where there are none."""
    content = told.get("content") if isinstance(told, Mapping) else None
    rows = [row.get("logprob") for row in content or () if isinstance(row, Mapping)]
    return [min(float(one), 0.0) for one in rows if isinstance(one, int | float) and math.isfinite(one)]


def _refusal(message: BaseMessage) -> str | None:
    """Return the provider's word for having kept an answer back; None for an answer."""
    about = message.response_metadata
    reason = str(about.get("finish_reason") or about.get("stop_reason") or "").lower()
    if reason in failures.REFUSALS:
        return reason
    said = message.additional_kwargs.get("refusal")
    return " ".join(str(said).split())[:LONGEST_ERROR] if said and not str(message.text) else None
