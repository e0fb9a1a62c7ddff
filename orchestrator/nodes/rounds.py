"""Rounds of tools inside one attempt: what a model may call, what it is sent again, what all its calls came to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, messages_from_dict, messages_to_dict
from langchain_core.runnables import Runnable

from orchestrator import plain
from orchestrator.nodes.state import TOOLS
from router_training.contract import Attempt, ModelCard, ToolCall

TOOL = "tools"
"""The capability of a card whose model calls tools."""
END_OF_TURNS = {"type": "end"}


def with_tools(
    client: BaseChatModel, card: ModelCard, registered: Sequence[Mapping[str, Any]], state: Mapping[str, Any]
) -> Runnable[Any, BaseMessage]:
    """Return the client knowing the tools of the graph and of the request; of two that share a name, the request's.

    What is no attempt at an answer, such as a check, gets no tools.
    """
    if TOOL not in card.capabilities or "decision" not in state:
        return client
    asked = state.get("tools") or []
    names = client_tools(state)
    offered = [*(tool for tool in registered if name_of(tool) not in names), *asked]
    if not offered:
        return client
    choice = None if turns_of(state, card.name) else state.get("tool_choice")
    return client.bind_tools(offered, **({} if choice is None else {"tool_choice": choice}))


def client_tools(state: Mapping[str, Any]) -> set[str]:
    """Return the names of the tools that the caller runs."""
    return {name_of(tool) for tool in state.get("tools") or ()}


def name_of(tool: Mapping[str, Any]) -> str:
    """Return the name of a tool in OpenAI's form; a tool without one has the name ""."""
    function = tool.get("function")
    return str((function if isinstance(function, Mapping) else tool).get("name", ""))


def turns_of(state: Mapping[str, Any], model: str) -> list[dict[str, Any]]:
    """Return what this model and its tools have said to each other in this request, as plain dicts."""
    turns: list[dict[str, Any]] = (state.get("turns") or {}).get(model, [])
    return turns


def sent_again(state: Mapping[str, Any], model: str) -> list[BaseMessage]:
    """Return the same as messages."""
    return messages_from_dict(turns_of(state, model))


def is_waiting(state: Mapping[str, Any], model: str) -> bool:
    """Tell whether this model waits for tools that run here."""
    turns = turns_of(state, model)
    return bool(turns) and turns[-1]["type"] == "ai"


def is_ready(state: Mapping[str, Any], model: str) -> bool:
    """Tell whether this model is to go on, given what its tools returned."""
    turns = turns_of(state, model)
    return bool(turns) and turns[-1]["type"] == "tool"


def written(
    attempt: Attempt, message: BaseMessage | None, state: Mapping[str, Any], runs_tools: bool
) -> dict[str, Any]:
    """Return the update of a model node: its draft, summed over all rounds, and the turn if tools are to run.

    Where a message calls tools of the caller too, only those calls stand: the caller must answer them first, and the
    model can call the others again.
    """
    calls = attempt.tool_calls
    theirs = tuple(call for call in calls if call.name in client_tools(state))
    if theirs and theirs != calls:
        attempt = replace(attempt, tool_calls=theirs)
    if turns := turns_of(state, attempt.model):
        attempt = added(draft_of(state, attempt.model), attempt)
    update: dict[str, Any] = {"drafts": [plain.plain(attempt)]}
    if message is not None and attempt.text is not None and calls and not theirs and runs_tools:
        update["turns"] = {attempt.model: [*turns, *messages_to_dict([message])]}
    elif turns:
        update["turns"] = {attempt.model: [*turns, END_OF_TURNS]}
    return update


def draft_of(state: Mapping[str, Any], model: str) -> Attempt:
    """Return the latest draft of a model."""
    return plain.attempt(next(draft for draft in reversed(state["drafts"]) if draft["model"] == model))


def added(earlier: Attempt, attempt: Attempt) -> Attempt:
    """Return the attempt with what the rounds before it took; a count that is unknown once is unknown."""
    return replace(
        attempt,
        usd=earlier.usd + attempt.usd,
        usd_estimated=earlier.usd_estimated or attempt.usd_estimated,
        usd_at_most=None if attempt.usd_at_most is None else earlier.usd + attempt.usd_at_most,
        latency_s=earlier.latency_s + attempt.latency_s,
        prompt_tokens=_sum(earlier.prompt_tokens, attempt.prompt_tokens),
        completion_tokens=_sum(earlier.completion_tokens, attempt.completion_tokens),
        tool_calls=(*earlier.tool_calls, *attempt.tool_calls),
        delay_s=earlier.delay_s,
    )


def handed_over(attempt: Attempt) -> list[dict[str, Any]]:
    """Return the calls that the caller is to run, as LangChain writes them; none while there is no answer."""
    return [
        {"name": call.name, "args": json.loads(call.args), "id": call.call_id, "type": "tool_call"}
        for call in attempt.tool_calls
        if call.result is None and attempt.text is not None
    ]


def steps_of(state: Mapping[str, Any], model: str, name: str) -> list[str]:
    """Return the nodes that an attempt went through."""
    return [*([name, TOOLS] * rounds_of(state, model)), name]


def rounds_of(state: Mapping[str, Any], model: str) -> int:
    """Return how often this model has called tools that run here."""
    return sum(1 for turn in turns_of(state, model) if turn["type"] == "ai")


def bounds_left(state: Mapping[str, Any], draft: Attempt) -> dict[str, float | None]:
    """Return what further calls of this attempt may cost (`usd`) and take (`timeout_s`); None without limit."""
    bounds = state["move"].get("bounds", {}).get(draft.model, {})
    usd, timeout_s = bounds.get("usd"), bounds.get("timeout_s")
    return {
        "usd": None if usd is None else usd - draft.usd,
        "timeout_s": None if timeout_s is None else timeout_s - draft.latency_s,
    }


def calls_of(message: BaseMessage) -> list[ToolCall]:
    """Return the tools that a message calls, those with arguments that cannot be read last."""
    if not isinstance(message, AIMessage):
        return []
    valid = [ToolCall(one["name"], json.dumps(one["args"]), one["id"] or "") for one in message.tool_calls]
    broken = [
        ToolCall(one["name"] or "", one["args"] or "", one["id"] or "") for one in message.invalid_tool_calls
    ]
    return [*valid, *broken]


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
