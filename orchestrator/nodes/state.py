"""Shared state: what a caller gives, what a caller gets, and what flows along the edges."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict  # pydantic makes schemas of typing's own from Python 3.12 on

from orchestrator.nodes import conversation
from router_training.capabilities import Requirements
from router_training.contract import Catalogue, Task, UsageError

ROUTER, TOOLS, VERIFIER, FALLBACK = "router", "tools", "verifier", "fallback"
RACE, CHECK = "race", "check"

APPROVAL, CODE = "approval", "code"


class Asked(TypedDict, total=False):
    """What is asked: `input` or `messages`, and of what type it is, if the caller says so."""

    input: str
    messages: Annotated[list[AnyMessage], add_messages]
    task_type: str | None


class Request(Asked, total=False):
    """What a caller gives: what is asked, and if wanted limits (see `moves.Limits`).

    In a thread, the task type holds for later requests until one sets another, as its prompt does; all else holds until
    the request is answered or refused. What a request set that was left waiting for a person still holds for the next.

    `response_format`, in OpenAI's form, is what verifiers hold the answer against; no model is told of it.

    `tools`, in OpenAI's form, are run by the caller: an answer may hold `tool_calls` instead of a text. `options` are
    keyword arguments of every call that answers the request; the models must know them.
    """

    dial: float | None
    max_usd: float | None
    deadline_s: float | None
    max_attempts: int | None
    min_quality: float | None
    allow: list[str] | None
    deny: list[str] | None
    tools: list[dict[str, Any]] | None
    tool_choice: str | dict[str, Any] | None
    response_format: dict[str, Any] | None
    options: dict[str, Any] | None


class Answer(Asked, total=False):
    """What a caller gets, beside what was asked. `attempts` and `decision` are plain forms of the contract's records.

    `confidence` lies in [0, 1]; `model` is None and `error` says why when no model answered; `note` says what of the
    request could not be kept to, if anything.
    """

    result: str
    confidence: float
    model: str | None
    error: str | None
    note: str | None
    tool_calls: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    usd: float
    latency_s: float
    decision: dict[str, Any]
    path: list[str]
    trace_id: str


def gather(drafts: list[dict[str, Any]] | None, new: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    """Append what parallel model nodes wrote; None empties the list once it has been verified."""
    return [] if new is None else [*(drafts or ()), *new]


Turns = dict[str, list[dict[str, Any]]]


def newest(turns: Turns | None, new: Turns | None) -> Turns:
    """Put what parallel model nodes wrote in the place of what they wrote before; None forgets all."""
    return {} if new is None else {**(turns or {}), **new}


FOR_ONCE = tuple(key for key in Request.__annotations__ if key not in Asked.__annotations__)
OF_ONE_REQUEST = (
    *("result", "model", "confidence", "error", "note", "tool_calls"),
    *("drafts", "turns", "refused_usd"),
)
NOTHING: tuple[Any, ...] = (None, [], {})


class Standing(TypedDict, total=False):
    """What holds for all of a request: latencies as the policy has them, and, where there are messages, which one is last.

    `input_is_newer` where that one was left without an answer, and the request is `input`.
    """

    expected_s: dict[str, float]
    last_message: str | None
    input_is_newer: bool


class State(Request, Answer, total=False):
    """What flows along the edges: the request, the answer so far, unverified drafts, the move to make.

    `turns` holds what each model and its tools have said to each other since the move; `refused_usd` is the forecast
    price of the cheapest calls that a person refused.
    """

    drafts: Annotated[list[dict[str, Any]], gather]
    turns: Annotated[Turns, newest]
    move: dict[str, Any]
    standing: Standing
    refused_usd: float | None


def is_conversation(state: Mapping[str, Any]) -> bool:
    """Tell whether the request is the last of `messages`; one already answered, or left alone, makes way for `input`."""
    messages = state.get("messages")
    if not messages or "input" not in state:
        return bool(messages)
    is_newer = (state.get("standing") or {}).get("input_is_newer", False)
    return not (is_newer or isinstance(messages[-1], AIMessage))


def standing_of(state: Mapping[str, Any]) -> Standing:
    """Return what is known of a request before its forecasts, given what the thread's last request stood on."""
    messages = state.get("messages")
    if not messages:
        return {}
    last, before = messages[-1].id, state.get("standing") or {}
    return {
        "last_message": last,
        "input_is_newer": "input" in state and before.get("last_message", "") == last,
    }


def left_over(state: Mapping[str, Any]) -> dict[str, None]:
    """Return what an earlier request of the thread left that no other may meet, to be forgotten."""
    return {key: None for key in OF_ONE_REQUEST if state.get(key) not in NOTHING}


def given_for_once(state: Mapping[str, Any]) -> dict[str, None]:
    """Return what the caller set for this request alone, to be forgotten once it has ended."""
    return {key: None for key in FOR_ONCE if state.get(key) is not None}


def task_of(state: Mapping[str, Any]) -> Task:
    """Return what is asked: `input`, or the last message that a person wrote, with those before it if it is short.

    Raises:
        UsageError: if neither holds any text.
    """
    prompt = state.get("input")
    if is_conversation(state):
        prompt = conversation.shown(state["messages"])
    if not isinstance(prompt, str) or not prompt.strip():
        raise UsageError(
            f"the request asks nothing (input is {prompt!r}); give a text as input or in messages"
        )
    return Task(
        prompt, task_type=state.get("task_type"), json_schema=json_schema(state.get("response_format"))
    )


def json_schema(response_format: Any) -> str | None:
    """Return the JSON schema of a `response_format` as text, "{}" where any JSON will do; None for text."""
    kind = response_format.get("type") if isinstance(response_format, Mapping) else None
    if kind == "json_object":
        return "{}"
    told = response_format.get("json_schema") if kind == "json_schema" else None
    return json.dumps(told.get("schema") or {}) if isinstance(told, Mapping) else None


def messages_of(state: Mapping[str, Any]) -> Sequence[BaseMessage]:
    """Return the conversation that the request is the last of; none where it is `input`."""
    return state["messages"] if is_conversation(state) else ()


def requirements_of(state: Mapping[str, Any], prompt: str, cards: Catalogue) -> Requirements:
    """Return what the request needs of a model: room for all of it, `prompt` included, and the capabilities it takes.

    The task type "code" needs the capability "code" where any card has it.
    """
    needed = conversation.requirements(messages_of(state), state.get("tools"), prompt)
    if state.get("task_type") == CODE and any(CODE in card.capabilities for card in cards.values()):
        return replace(needed, needs=needed.needs | {CODE})
    return needed
