"""An OpenAI-compatible endpoint as a chat model that loses nothing of what is asked or said.

langchain-openai reads and writes the fields that it knows; a gateway passes on those that nobody knew when it was
written.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.exceptions import LangChainException
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import SecretStr, SkipValidation

from orchestrator.gateway.answers import dumped
from orchestrator.gateway.gathering import Gathered
from orchestrator.gateway.messages import answer_of, to_openai
from orchestrator.gateway.wire import Chunk, Completion, Wire, says_something
from orchestrator.nodes.model import NOT_STREAMED
from router_training.contract import ModelCard

LIMITS = ("max_tokens", "max_completion_tokens")
OPENAI_URL = "https://api.openai.com/v1"
USAGE = {"include_usage": True}


@dataclass(frozen=True, slots=True)
class Told:
    """What is kept of an answer that is an error: when to come back stands in its headers."""

    headers: Mapping[str, str]


class EndpointError(LangChainException):
    """Raised when an endpoint answers with an error; `response` has its headers."""

    def __init__(
        self, message: str, status: int | None, code: object, response: aiohttp.ClientResponse
    ) -> None:
        super().__init__(message)
        self.status_code, self.code, self.response = status, code, Told(response.headers)


class UnreadableError(EndpointError, ValueError):
    """Raised when an endpoint answers with something that is no completion."""


class Endpoint(BaseChatModel):
    """Calls the endpoint of a card over connections that all endpoints share.

    A call takes, besides LangChain's, `body`: fields to send as they are, and `wire`: who hears the answer.
    """

    card: SkipValidation[ModelCard]
    session: SkipValidation[Callable[[], aiohttp.ClientSession]]
    api_key: SecretStr | None = None
    max_tokens: int | None = None

    @property
    def _llm_type(self) -> str:
        return "openai-compatible"

    @property
    def url(self) -> str:
        """Where completions are asked for."""
        return f"{(self.card.base_url or OPENAI_URL).rstrip('/')}/chat/completions"

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: Any = None, **kwargs: Any
    ) -> Runnable[Any, AIMessage]:
        """Offer tools; those in OpenAI's form are passed on as they are."""
        described = [
            one if isinstance(one, dict) and "type" in one else convert_to_openai_tool(one) for one in tools
        ]
        chosen = {} if tool_choice is None else {"tool_choice": tool_choice}
        return self.bind(tools=described, **chosen, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError("an Endpoint is asked by await only")

    async def ainvoke(
        self,
        input: Any,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Ask; where nobody listens to LangChain's callbacks, none are made."""
        from langsmith.utils import tracing_is_enabled  # spares the start its import

        if not isinstance(input, list) or stop or (config or {}).get("callbacks") or tracing_is_enabled():
            return await super().ainvoke(input, config, stop=stop, **kwargs)
        is_hidden = NOT_STREAMED in ((config or {}).get("tags") or ())
        return await self._asked(input, is_hidden=is_hidden, **kwargs)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        is_hidden = run_manager is not None and NOT_STREAMED in run_manager.tags
        message = await self._asked(messages, is_hidden=is_hidden, **kwargs)
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _asked(
        self,
        messages: Sequence[BaseMessage],
        *,
        is_hidden: bool,
        body: Mapping[str, Any] | None = None,
        wire: Wire | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        payload = self._payload(messages, body or {}, kwargs)
        if wire is not None:
            wire.begun.append(self.card.name)
        if wire is not None and wire.is_free() and not is_hidden:
            completion = await self._streamed(payload, wire)
        else:
            completion = await self._whole(payload)
        if wire is not None:
            wire.keep(self.card.name, completion)
        return answer_of(completion)

    def _payload(
        self, messages: Sequence[BaseMessage], body: Mapping[str, Any], asked: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return what is sent: the caller's fields, the card's where the caller has none; a budget only ever lowers."""
        name = next((one for one in LIMITS if body.get(one) is not None), None)
        own = self.card.max_tokens if name is None else body[name]
        limits = [one for one in (own, asked.get("max_tokens")) if one is not None]
        # servers older than OpenAI's new name know only the old one
        name = name or (LIMITS[0] if self.card.base_url else LIMITS[1])
        return {
            "temperature": self.card.temperature,
            **body,
            **{key: asked[key] for key in ("tools", "tool_choice") if key in asked},
            **({name: min(limits)} if limits else {}),
            "model": self.card.model or self.card.name,
            "messages": to_openai(messages),
        }

    def _ask(self, payload: Mapping[str, Any]) -> Any:
        headers = {"Content-Type": "application/json"}
        if self.api_key is not None:
            headers["Authorization"] = f"Bearer {self.api_key.get_secret_value()}"
        return self.session().post(self.url, data=dumped(payload), headers=headers)

    async def _whole(self, payload: Mapping[str, Any]) -> Completion:
        try:
            async with self._ask(payload) as response:
                return _checked(await _read(response), response)
        except aiohttp.ClientConnectorError:  # never reached: costs nothing, another try is safe
            raise
        except BROKEN as error:
            raise ConnectionResetError(f"the connection broke ({error})") from error

    async def _streamed(self, payload: Mapping[str, Any], wire: Wire) -> Completion:
        """Return the completion that the chunks add up to, each of which the wire has heard at once."""
        gathered, unsaid, is_heard = Gathered(), list[Chunk](), False
        try:
            async with self._ask({**payload, "stream": True, "stream_options": USAGE}) as response:
                if response.content_type != "text/event-stream":
                    return _checked(await _read(response), response)
                async for chunk in _chunks(response):
                    gathered.add(chunk)
                    unsaid.append(chunk)
                    # until a word is said, another model can still take over unnoticed
                    is_heard = is_heard or (says_something(chunk) and wire.take(self.card.name))
                    while is_heard and unsaid:
                        wire.say(unsaid.pop(0))
                return gathered.completion()
        except aiohttp.ClientConnectorError:  # never reached: costs nothing, another try is safe
            raise
        except BROKEN as error:
            raise ConnectionResetError(f"the connection broke ({error})") from error
        finally:
            if is_heard and not gathered.is_finished:
                wire.hang_up(is_broken=True)


# the endpoint hung up, with or without having read the request
BROKEN = (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, aiohttp.ClientOSError)


async def _read(response: aiohttp.ClientResponse) -> Any:
    """Return the JSON of an answer.

    Raises:
        EndpointError: if it is an error.
        UnreadableError: if it is no JSON.
    """
    text = await response.read()
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        if response.status >= 400:
            raise EndpointError(f"HTTP {response.status}", response.status, None, response) from error
        raise UnreadableError("the answer is no JSON", None, None, response) from error
    if response.status >= 400:
        raise _refused(content, response.status, response)
    return content


def _refused(content: Any, status: int | None, response: aiohttp.ClientResponse) -> EndpointError:
    said = content.get("error") if isinstance(content, dict) else None
    said = said if isinstance(said, dict) else {"message": said or content}
    message = said.get("message") or f"HTTP {status}"
    code = said.get("code")
    return EndpointError(str(message), status, code if isinstance(code, str) else None, response)


def _checked(content: Any, response: aiohttp.ClientResponse) -> Completion:
    choices = content.get("choices") if isinstance(content, dict) else None
    if not (isinstance(choices, list) and choices and all(_is_choice(one) for one in choices)):
        if isinstance(content, dict) and content.get("error"):
            raise _refused(content, 500, response)
        raise UnreadableError("the answer holds no choices", None, None, response)
    completion: Completion = content
    return completion


def _is_choice(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get("message"), dict)


async def _chunks(response: aiohttp.ClientResponse) -> AsyncIterator[Chunk]:
    """Yield the chunks of a stream of server-sent events.

    Raises:
        EndpointError: if the stream tells of an error.
        UnreadableError: if it holds something that is no chunk.
    """
    rest = b""
    async for part in response.content.iter_any():
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            if not line.startswith(b"data:") or (text := line[5:].strip()) == b"[DONE]":
                continue
            try:
                chunk = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise UnreadableError("the stream holds no JSON", None, None, response) from error
            if not isinstance(chunk, dict) or chunk.get("error"):
                raise _refused(chunk, 500, response)
            yield chunk
