"""Clients of all cards: endpoints that speak OpenAI's language, and what LangChain has for the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import aiohttp
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import SecretStr, SkipValidation

from orchestrator.gateway.endpoint import Endpoint
from orchestrator.gateway.wire import Wire
from orchestrator.models import api_key, chat_model
from router_training.contract import Catalogue, ModelCard

UNDERSTOOD = ("temperature", "top_p", "max_tokens", "stop")
"""What clients of all providers understand of OpenAI's fields."""


def clients_of(
    cards: Catalogue, session: Callable[[], aiohttp.ClientSession], environment: Mapping[str, str]
) -> dict[str, BaseChatModel]:
    """Build the client of every card; keys come from `environment`.

    Raises:
        UsageError: if the key or the package of a provider is missing.
    """
    return {name: _client(card, session, environment) for name, card in cards.items()}


def _client(
    card: ModelCard, session: Callable[[], aiohttp.ClientSession], environment: Mapping[str, str]
) -> BaseChatModel:
    key = api_key(card, environment)
    if card.provider != "openai":
        known = None if key is None else SecretStr(key)
        return OtherProvider(inner=chat_model(card, environment), card_name=card.name, api_key=known)
    return Endpoint(card=card, session=session, api_key=None if key is None else SecretStr(key))


class OtherProvider(BaseChatModel):
    """A model of LangChain's that is told those of the caller's fields that all providers understand."""

    inner: SkipValidation[BaseChatModel]
    card_name: str
    api_key: SecretStr | None = None  # so that no error message shows it

    @property
    def _llm_type(self) -> str:
        return "other-provider"

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[Any, AIMessage]:
        """Offer tools."""
        chosen = {} if tool_choice is None else {"tool_choice": tool_choice}
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **chosen, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError("a gateway's model is asked by await only")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        wire: Wire | None = None,
        tools: Sequence[Any] = (),
        tool_choice: Any = None,
        **kwargs: Any,
    ) -> ChatResult:
        if wire is not None:
            wire.begun.append(self.card_name)
        told = {key: body[key] for key in UNDERSTOOD if body and body.get(key) is not None}
        chosen = {} if tool_choice is None else {"tool_choice": tool_choice}
        client = self.inner.bind_tools(tools, **chosen) if tools else self.inner
        plain = [message.model_copy(update={"additional_kwargs": {}}) for message in messages]
        message = await client.ainvoke(plain, **{**told, **kwargs})
        return ChatResult(generations=[ChatGeneration(message=message)])
