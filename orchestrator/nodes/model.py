"""A model node: one card, one call."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.constants import TAG_NOSTREAM

from orchestrator import requests
from orchestrator.models import call_failures, key_variable
from orchestrator.nodes import rounds
from orchestrator.nodes.state import is_conversation
from orchestrator.nodes.step import Step
from router_training.contract import Attempt, ModelCard, PointsmanError

CHARACTERS_PER_TOKEN = 4
LONGEST_ERROR = 500


@dataclass(eq=False)
class ModelNode(Step):
    """Asks one model; a failure is recorded, not raised. Retries belong to the model's client."""

    card: ModelCard
    model: BaseChatModel
    tools: Sequence[Mapping[str, Any]] = ()

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        messages, start = self.messages(input), time.perf_counter()
        try:
            message = self.client(input).invoke(messages, _streamed(config, input))
        except call_failures() as error:
            return self.written(self.failed(error, time.perf_counter() - start), None, input)
        return self.written(self.answered(messages, message, time.perf_counter() - start), message, input)

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        messages, start = self.messages(input), time.perf_counter()
        try:
            message = await self.client(input).ainvoke(messages, _streamed(config, input))
        except call_failures() as error:
            return self.written(self.failed(error, time.perf_counter() - start), None, input)
        return self.written(self.answered(messages, message, time.perf_counter() - start), message, input)

    def client(self, call: Mapping[str, Any]) -> Runnable[Any, BaseMessage]:
        """Return the model with the tools that it may call."""
        return rounds.with_tools(self.model, self.card, self.tools, call)

    def written(
        self, attempt: Attempt, message: BaseMessage | None, call: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the update of the state."""
        return rounds.written(attempt, message, call, bool(self.tools))

    def messages(self, call: Mapping[str, Any]) -> list[BaseMessage]:
        """Return what is sent: the card's system prompt, then the conversation or the one prompt."""
        asked = call["messages"] if is_conversation(call) else [HumanMessage(call["input"])]
        if sources := call.get("move", {}).get("sources"):
            answers = [call["attempts"][i]["text"] for i in sources]
            asked = requests.with_request(asked, requests.synthesis(answers))
        system = self.card.system_prompt
        first = [SystemMessage(system)] if system else []
        return [*first, *asked, *rounds.sent_again(call, self.card.name)]

    def failed(self, error: Exception, latency_s: float) -> Attempt:
        """Record why there is no answer, in one line that shows no key."""
        text = " ".join(str(error).split())
        if not isinstance(error, PointsmanError):
            text = f"{type(error).__name__}: {text}"
            if (base_url := self.card.base_url) is not None:
                text = f"{text.rstrip('.')}, at {base_url.rpartition('@')[2]}"
        # a client that finds its key by itself looks where its provider's name says
        if key := os.environ.get(key_variable(self.card) or f"{self.card.provider.upper()}_API_KEY"):
            text = text.replace(key, "***")
        text = text[:LONGEST_ERROR]  # not before: half a key is no longer recognised
        return Attempt(self.card.name, None, error=text, latency_s=latency_s)

    def answered(self, sent: Sequence[BaseMessage], message: BaseMessage, latency_s: float) -> Attempt:
        """Record the answer, its tokens and its price."""
        text, about = str(message.text), message.response_metadata
        usage = getattr(message, "usage_metadata", None) or {}
        tokens = (usage.get("input_tokens"), usage.get("output_tokens"))
        return Attempt(
            model=self.card.name,
            text=text,
            usd=self.usd(*tokens, sent, text, about.get("usd")),
            latency_s=about.get("latency_s", latency_s),
            prompt_tokens=tokens[0],
            completion_tokens=tokens[1],
            recorded=bool(about.get("recorded")),
            finish_reason=about.get("finish_reason"),
        )

    def usd(
        self,
        read: int | None,
        written: int | None,
        sent: Sequence[BaseMessage],
        text: str,
        recorded_usd: float | None,
    ) -> float:
        """Price the tokens; if they were not counted, take the recorded price, else guess from the characters."""
        if read is not None and written is not None:
            return self.card.usd(read, written)
        if recorded_usd is not None:
            return recorded_usd
        characters = sum(len(str(message.text)) for message in sent)
        return self.card.usd(characters / CHARACTERS_PER_TOKEN, len(text) / CHARACTERS_PER_TOKEN)


def _streamed(config: RunnableConfig | None, state: Mapping[str, Any]) -> RunnableConfig | None:
    """Keep tokens from `stream_mode="messages"` while it is open whether the caller will get this answer."""
    if not state["move"]["check"]:
        return config
    config = config or {}
    return {**config, "tags": [*(config.get("tags") or ()), TAG_NOSTREAM]}
