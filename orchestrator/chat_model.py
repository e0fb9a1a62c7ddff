"""The graph as a LangChain chat model, for any place that takes one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForLLMRun,
    BaseCallbackHandler,
    CallbackManager,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolCallChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.runnables.config import ensure_config, merge_configs
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field, SkipValidation

from orchestrator.failures import ModelError
from orchestrator.nodes.state import FALLBACK, VERIFIER
from orchestrator.showing import OneVoice
from router_training.contract import UsageError

OPTIONS = ("task_type", "dial", "max_usd", "deadline_s", "max_attempts", "min_quality", "allow", "deny")


def as_chat_model(graph: Any, **options: Any) -> GraphChatModel:
    """Return the graph as a chat model: each call is one request, which holds the whole conversation.

    The answer's `response_metadata` has model, confidence, usd, latency_s, path and trace_id; its `usage_metadata`
    counts the tokens of all attempts. Where no model could answer, ModelError is raised; so it is where a stream breaks
    after its first words, for those of another model would be read as their rest. Where the graph waits for a person,
    the graph that called the chat model waits; where none did, UsageError is raised.

    Args:
        graph: what `build_graph` returned, without a checkpointer.
        options: what every request sets, such as `task_type`, `dial` or `max_usd`; a call may set them anew.

    Raises:
        UsageError: if the graph keeps threads of its own, or an option is unknown.
    """
    if getattr(graph, "checkpointer", None):
        raise UsageError(
            "the graph has a checkpointer, but a chat model is given the whole conversation with each call; "
            "build it without one"
        )
    if unknown := sorted(options.keys() - set(OPTIONS)):
        raise UsageError(f"unknown option {unknown[0]!r}; a request takes {', '.join(OPTIONS)}")
    return GraphChatModel(graph=graph, options=options)


class GraphChatModel(BaseChatModel):
    """Answers through a graph; make it with `as_chat_model`."""

    graph: SkipValidation[Any] = Field(repr=False, exclude=True)
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def _llm_type(self) -> str:
        return "pointsman"

    def bind_tools(
        self,
        tools: Sequence[Mapping[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Runnable[Any, AIMessage]:
        """Offer tools that the caller runs; only models with the capability `tools` are then asked."""
        described = [convert_to_openai_tool(dict(one) if isinstance(one, Mapping) else one) for one in tools]
        chosen = {} if tool_choice is None else {"tool_choice": tool_choice}
        return self.bind(tools=described, **chosen, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _result(self.graph.invoke(self._request(messages, kwargs), _config(run_manager)), stop)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return _result(await self.graph.ainvoke(self._request(messages, kwargs), _config(run_manager)), stop)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        state: dict[str, Any] = {}
        modes, words = ["messages", "values"], _Words(stop)
        request, config = self._request(messages, kwargs), _config(run_manager, OneVoice())
        for mode, part in self.graph.stream(request, config, stream_mode=modes):
            if mode == "values":
                state = part
                words.go_on(state)
            elif (chunk := words.after(*part)) is not None:
                if run_manager:
                    run_manager.on_llm_new_token(str(chunk.message.text), chunk=chunk)
                yield chunk
        yield words.last(state)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        state: dict[str, Any] = {}
        modes, words = ["messages", "values"], _Words(stop)
        request, config = self._request(messages, kwargs), _config(run_manager, OneVoice())
        async for mode, part in self.graph.astream(request, config, stream_mode=modes):
            if mode == "values":
                state = part
                words.go_on(state)
            elif (chunk := words.after(*part)) is not None:
                if run_manager:
                    await run_manager.on_llm_new_token(str(chunk.message.text), chunk=chunk)
                yield chunk
        yield words.last(state)

    def _request(self, messages: Sequence[BaseMessage], given: Mapping[str, Any]) -> dict[str, Any]:
        chosen = {key: given[key] for key in (*OPTIONS, "tools", "tool_choice") if key in given}
        return {"messages": list(messages), **self.options, **chosen}


def _config(
    run_manager: CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None, *also: BaseCallbackHandler
) -> dict[str, Any]:
    """Show what the graph does to whoever watches this call, under it, and `also` to others."""
    if run_manager is None:
        return {"callbacks": merge_configs(ensure_config(), {"callbacks": list(also)})["callbacks"]}
    kind = CallbackManager if isinstance(run_manager, CallbackManagerForLLMRun) else AsyncCallbackManager
    watching = kind(handlers=[], parent_run_id=run_manager.run_id)
    watching.set_handlers([*run_manager.inheritable_handlers, *also])
    return {"callbacks": watching}


def _answer(state: Mapping[str, Any]) -> AIMessage:
    if "error" not in state:
        raise UsageError(
            "the graph waits for a person (approve_above_usd, or a tool that asks), and a chat model has no way to ask "
            "one; call it in a node of a graph of yours that has a checkpointer, or build this graph without either"
        )
    if state["error"] is not None:
        raise ModelError(state["error"])
    message: AIMessage = state["messages"][-1]
    return message


def _result(state: Mapping[str, Any], stop: Sequence[str] | None) -> ChatResult:
    message = _answer(state)
    if stop and isinstance(message.content, str):
        message = message.model_copy(update={"content": message.content[: _end(message.content, stop)]})
    return ChatResult(generations=[ChatGeneration(message=message)])


def _end(text: str, stop: Sequence[str]) -> int | None:
    """Return where the first of the stop marks begins; None where there is none."""
    return min((place for mark in stop if mark and (place := text.find(mark)) >= 0), default=None)


class _Words:
    """The parts of an answer as they may be shown: up to a stop mark, and never the beginning of one.

    `held` is what may yet turn out to be one; tool calls come whole, at the end.
    """

    def __init__(self, stop: Sequence[str] | None) -> None:
        self.held = ""
        self._stop = tuple(stop or ())
        self._is_over = self._is_begun = False
        self._n_attempts = 0
        self._broken: Mapping[str, Any] | None = None

    def go_on(self, state: Mapping[str, Any]) -> None:
        """Take note of how a call has ended: the words of another cannot follow those of one that failed."""
        attempts = state.get("attempts") or []
        is_new, self._n_attempts = len(attempts) != self._n_attempts, len(attempts)
        if not is_new or attempts[-1]["text"] is not None or attempts[-1]["cancelled"]:
            return
        if self._is_begun:
            self._broken = self._broken or attempts[-1]

    def after(self, message: BaseMessage, about: Mapping[str, Any]) -> ChatGenerationChunk | None:
        """Return what may be shown now that this message, or part of one, has come from a node of the graph, if anything.

        The graph's last word repeats what was shown, or says what went wrong, which is an error and no answer.
        """
        is_last = about["langgraph_node"] in (VERIFIER, FALLBACK)
        is_news = not (is_last and (self._is_begun or message.response_metadata.get("error")))
        if self._is_over or self._broken or not is_news:
            return None
        seen = self.held + str(message.text)
        end = _end(seen, self._stop)
        self._is_over = end is not None
        shown = len(seen) - self._begun(seen) if end is None else end
        self.held = seen[shown:] if end is None else ""
        self._is_begun = self._is_begun or (seen != "" and not is_last)
        return ChatGenerationChunk(message=AIMessageChunk(content=seen[:shown])) if shown else None

    def last(self, state: Mapping[str, Any]) -> ChatGenerationChunk:
        """Return what is known only when the answer is complete, and the words held until then.

        Raises:
            ModelError: if there is no answer, or its stream broke.
        """
        if self._broken is not None:
            broken = self._broken
            raise ModelError(f"{broken['model']} broke off in the middle of its answer: {broken['error']}")
        return _last(state, self.held)

    def _begun(self, seen: str) -> int:
        """Return how many characters at the end may be the beginning of a stop mark."""
        begun = (n for mark in self._stop for n in range(1, len(mark)) if seen.endswith(mark[:n]))
        return max(begun, default=0)


def _last(state: Mapping[str, Any], held: str) -> ChatGenerationChunk:
    """Return what is known only when the answer is complete, and the words held until then."""
    message = _answer(state)
    calls = [
        ToolCallChunk(name=call["name"], args=json.dumps(call["args"]), id=call["id"], index=i)
        for i, call in enumerate(message.tool_calls)
    ]
    return ChatGenerationChunk(
        message=AIMessageChunk(
            content=held,
            tool_call_chunks=calls,
            usage_metadata=message.usage_metadata,
            response_metadata=message.response_metadata,
        )
    )
