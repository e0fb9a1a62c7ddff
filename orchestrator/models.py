"""Model card -> LangChain chat model; recorded and scripted models that need no network."""

from __future__ import annotations

import asyncio
import os
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field, SkipValidation

from orchestrator.failures import ModelError
from router_training.contract import Catalogue, ModelCard, UsageError

if TYPE_CHECKING:
    from router_training.outcomes import OutcomeTable


def chat_model(card: ModelCard, environment: Mapping[str, str] = os.environ) -> BaseChatModel:
    """Build the client of a card; the key is read from the environment variable that the card names.

    It makes one try: what is worth repeating is repeated by `orchestrator.calls`, which knows the deadline.

    Raises:
        UsageError: if the key or the package of the provider is missing.
    """
    options: dict[str, Any] = {
        "model": card.model or card.name,
        "temperature": card.temperature,
        "timeout": card.timeout_s,
        "max_retries": 0,
    }
    if card.max_tokens is not None:
        options["max_tokens"] = card.max_tokens
    if card.base_url is not None:
        options["base_url"] = card.base_url
    if (key := api_key(card, environment)) is not None:
        options["api_key"] = key
    if card.provider == "openai":
        from langchain_openai import ChatOpenAI  # a second of import that other models spare

        if card.logprobs:
            options["logprobs"] = True
        return ChatOpenAI(**options)
    return _other_provider(card, options)


def chat_models(catalogue: Catalogue) -> dict[str, BaseChatModel]:
    """Build the client of every card."""
    return {name: chat_model(card) for name, card in catalogue.items()}


def key_variable(card: ModelCard) -> str | None:
    """Return the environment variable that must hold the card's key, None where none is asked for."""
    if card.api_key_env is None and card.provider == "openai" and card.base_url is None:
        return "OPENAI_API_KEY"
    return card.api_key_env


def api_key(card: ModelCard, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the key of a card's endpoint, None where the provider's package looks for one by itself.

    Raises:
        UsageError: if the variable that should hold it is empty.
    """
    variable = key_variable(card)
    if variable is None:  # a local server asks for no key, but the client insists on one
        return "none" if card.provider == "openai" else None
    if not (key := environment.get(variable)):
        raise UsageError(
            f"model {card.name!r} needs a key and the environment variable {variable} is empty; "
            "set it, or name another with api_key_env in the models file"
        )
    return key


def _other_provider(card: ModelCard, options: dict[str, Any]) -> BaseChatModel:
    try:
        build = import_module("langchain.chat_models").init_chat_model
        model: BaseChatModel = build(model_provider=card.provider, **options)
    except ImportError as error:
        raise UsageError(
            f"model {card.name!r} has provider {card.provider!r}, whose package is not installed; "
            f"run: pip install langchain langchain-{card.provider.replace('_', '-')}"
        ) from error
    except ValueError as error:
        raise UsageError(f"model {card.name!r} has provider {card.provider!r}: {error}") from error
    return model


@dataclass(frozen=True, slots=True)
class Reply:
    """What a recorded or scripted model says; tokens that are None, and `logprobs` that are empty, are not reported.

    `tool_calls` are LangChain's: dicts with `name`, `args` and `id`.
    """

    text: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_s: float = 0.0
    usd: float | None = None
    finish_reason: str | None = None
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    logprobs: tuple[float, ...] = ()

    def message(self, **metadata: Any) -> AIMessage:
        """Return the reply as LangChain's message."""
        usage = None
        if self.prompt_tokens is not None and self.completion_tokens is not None:
            total = self.prompt_tokens + self.completion_tokens
            usage = {
                "input_tokens": self.prompt_tokens,
                "output_tokens": self.completion_tokens,
                "total_tokens": total,
            }
        tokens = {"content": [{"logprob": one} for one in self.logprobs]} if self.logprobs else None
        about = {"finish_reason": self.finish_reason, "usd": self.usd, "logprobs": tokens, **metadata}
        known = {key: value for key, value in about.items() if value is not None}
        calls = [dict(call) for call in self.tool_calls]
        return AIMessage(content=self.text, usage_metadata=usage, response_metadata=known, tool_calls=calls)


class _OfflineModel(BaseChatModel):
    """A chat model that decides its reply without asking anyone, and may take time over it."""

    label: str

    @abstractmethod
    def reply(self, prompt: str) -> Reply:
        """Return what the model says to the last message of the conversation."""
        ...

    def pause_s(self, reply: Reply) -> float:
        """Return how long to sleep before answering."""
        return reply.latency_s

    @property
    def instant(self) -> bool:
        """Whether every answer comes at once, so that nobody needs to watch the clock in a thread of its own."""
        return False

    def to_message(self, reply: Reply) -> AIMessage:
        """Return the reply as a message."""
        return reply.message(model_name=self.label)

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, AIMessage]:
        """Take tools and let them change nothing: what is said is decided already."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    @property
    def _llm_type(self) -> str:
        return type(self).__name__

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        reply = self.reply(str(messages[-1].text))
        if (pause_s := self.pause_s(reply)) > 0:
            time.sleep(pause_s)
        return ChatResult(generations=[ChatGeneration(message=self.to_message(reply))])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        reply = self.reply(str(messages[-1].text))
        if (pause_s := self.pause_s(reply)) > 0:
            await asyncio.sleep(pause_s)
        return ChatResult(generations=[ChatGeneration(message=self.to_message(reply))])


class ScriptedModel(_OfflineModel):
    """A chat model whose answers are written in advance, for tests and examples.

    `script` is the answer, a mapping from prompt to answer, or a function of the prompt; an answer is a text,
    a Reply, or an exception, which is raised.
    """

    label: str = "scripted"
    script: SkipValidation[Any] = Field(default="", repr=False)

    @property
    def instant(self) -> bool:
        script = self.script
        return not script.latency_s if isinstance(script, Reply) else isinstance(script, str)

    def reply(self, prompt: str) -> Reply:
        script = self.script
        if isinstance(script, Mapping):
            script = script.get(
                prompt, ModelError(f"{self.label}: the script has no answer to {_short(prompt)}")
            )
        elif callable(script):
            script = script(prompt)
        if isinstance(script, Exception):
            raise script
        if isinstance(script, Reply):
            return script
        return Reply(script, len(prompt.split()), len(script.split()))


class RecordedModel(_OfflineModel):
    """Replays what a real model said; every message is marked `recorded` and carries the recorded latency.

    It sleeps `latency_scale` times the recorded latency: 0 answers at once, 1 takes the real time.
    """

    recordings: SkipValidation[Mapping[str, Reply]] = Field(repr=False, exclude=True)
    latency_scale: float = 0.0

    @property
    def instant(self) -> bool:
        return self.latency_scale == 0.0

    def reply(self, prompt: str) -> Reply:
        found = self.recordings.get(prompt)
        if found is None:
            raise ModelError(
                f"{self.label} is a recording and holds no answer to {_short(prompt)}; it knows "
                f"{len(self.recordings)} prompts of its outcome table: ask one of those, or a live model"
            )
        return found

    def knows(self, prompt: str) -> bool:
        """Tell whether there is an answer to replay."""
        return prompt in self.recordings

    def pause_s(self, reply: Reply) -> float:
        return reply.latency_s * self.latency_scale

    def to_message(self, reply: Reply) -> AIMessage:
        return reply.message(model_name=self.label, recorded=True, latency_s=reply.latency_s)


def recorded_models(table: OutcomeTable, *, latency_scale: float = 0.0) -> dict[str, BaseChatModel]:
    """Build one model per column of `table` that replays its responses.

    Raises:
        UsageError: if the table holds no response at all, or `latency_scale` is negative.
    """
    if not latency_scale >= 0.0:
        raise UsageError(f"latency_scale is {latency_scale!r}; it must be 0 (no waiting) or more")
    replies: dict[str, dict[str, Reply]] = {name: {} for name in table.models}
    for i, prompt in enumerate(table.prompts):
        for j, name in enumerate(table.models):
            if (text := said(table, i, j)) is not None:
                replies[name][prompt] = _recording(table, i, j, text)
    if not any(replies.values()):
        raise UsageError(
            f"{table.origin} has no response to replay; add the column response, or use live models"
        )
    return {
        name: RecordedModel(label=name, recordings=known, latency_scale=latency_scale)
        for name, known in replies.items()
    }


def said(table: OutcomeTable, i: int, j: int) -> str | None:
    """Return the answer; one of at most one token that left no text was empty (tables keep no empty text)."""
    text = table.responses[i, j]
    return "" if text is None and table.completion_tokens[i, j] <= 1 else text


def _recording(table: OutcomeTable, i: int, j: int, text: str) -> Reply:
    usd = float(table.cost_usd[i, j])
    return Reply(
        text=text,
        prompt_tokens=_count(table.prompt_tokens[i, j]),
        completion_tokens=_count(table.completion_tokens[i, j]),
        latency_s=float(np.nan_to_num(table.latency_s[i, j])),
        usd=None if np.isnan(usd) else usd,
    )


def _count(tokens: float) -> int | None:
    return None if np.isnan(tokens) else int(tokens)


def _short(prompt: str) -> str:
    return repr(prompt if len(prompt) <= 60 else prompt[:57] + "...")
