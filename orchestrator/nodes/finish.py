"""How a request ends: the answer, or an honest failure, and word of it to feedback."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.runnables import RunnableConfig

from orchestrator import plain
from orchestrator.nodes.rounds import handed_over
from orchestrator.nodes.state import given_for_once, is_conversation, task_of
from router_training.contract import RequestRecord

logger = logging.getLogger(__name__)

UNKEPT = "answer"
"""No key of the state: what stands under it is streamed to who reads messages, and not kept."""


@dataclass(frozen=True)
class Finish:
    """Turns the last move into the answer, or into an honest failure, and tells feedback about it.

    `shadow` is told after feedback, with the last state; it may ask another model beside, and returns at once.
    """

    strategy_name: str
    feedback: Callable[[RequestRecord], object] | None = None
    digests: Mapping[str, Any] = field(default_factory=dict)
    shadow: Callable[[Mapping[str, Any], RequestRecord], object] | None = None

    def __call__(self, state: Mapping[str, Any], config: RunnableConfig | None) -> dict[str, Any]:
        """Return what the caller gets, given a state whose move is the last one, and the node's own config."""
        answer = _outcome(state["move"], state["attempts"])
        answer["note"] = _note(answer["model"], state)
        if self.feedback is not None or self.shadow is not None:
            self.tell({**state, **answer})
        if is_conversation(state):
            answer["messages"] = [self.message(state, answer)]
        elif is_heard(config):
            answer[UNKEPT] = [self.message(state, answer)]
        return answer | given_for_once(state)

    def message(self, state: Mapping[str, Any], answer: Mapping[str, Any]) -> AIMessage:
        """Return the answer as LangChain's message, under the id that streamed tokens had."""
        about = {key: answer[key] for key in ("model", "confidence", "error", "note")}
        about |= {key: state[key] for key in ("usd", "latency_s", "path", "trace_id")}
        if answer["model"] is None:
            return AIMessage(answer["result"], response_metadata=about)
        kept = state["attempts"][state["move"]["accept"]]
        taken = {
            message.id for message in state.get("messages") or ()
        }  # an endpoint may call all its answers the same
        return AIMessage(
            answer["result"],
            id=None if kept["message_id"] in taken else kept["message_id"],
            tool_calls=answer["tool_calls"],
            response_metadata={
                **about,
                "model_name": answer["model"],
                "finish_reason": kept["finish_reason"],
            },
            usage_metadata=_usage(state["attempts"]),
        )

    def tell(self, state: Mapping[str, Any]) -> None:
        """Hand the finished request to feedback, whose failures must not cost anyone an answer."""
        task = task_of(state)
        record = RequestRecord(
            trace_id=state["trace_id"],
            time=datetime.now(UTC).isoformat(),
            prompt=task.prompt,
            strategy=self.strategy_name,
            decision=plain.decision(state["decision"]),
            attempts=tuple(plain.attempt(kept) for kept in state["attempts"]),
            result=state["result"],
            model=state["model"],
            confidence=state["confidence"] if state["model"] else None,
            usd=state["usd"],
            latency_s=state["latency_s"],
            task_type=task.task_type,
            **self.digests,
        )
        try:
            if self.feedback is not None:
                self.feedback(record)
            if self.shadow is not None:
                self.shadow(state, record)
        except Exception:  # whatever a sink raises: it must not break an answer
            logger.exception("feedback on request %s was lost; the answer is not affected", record.trace_id)


def is_heard(config: RunnableConfig | None) -> bool:
    """Tell whether anything listens to what nodes return, as a stream of messages does."""
    callbacks = (config or {}).get("callbacks")
    return bool(getattr(callbacks, "handlers", callbacks))


def _outcome(move: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    if "accept" in move:
        kept = attempts[move["accept"]]
        return {
            "result": kept["text"],
            "confidence": kept["confidence"],
            "model": kept["model"],
            "error": None,
            "tool_calls": handed_over(plain.attempt(kept)) if kept["tool_calls"] else [],
        }
    reason = move["give_up"]
    return {
        "result": f"No model could answer: {reason.rstrip('.')}.",
        "confidence": 0.0,
        "model": None,
        "error": reason,
        "tool_calls": [],
    }


def _usage(attempts: Sequence[Mapping[str, Any]]) -> UsageMetadata | None:
    """Return the tokens of all attempts; None if one answered without counting them."""
    answered = [one for one in attempts if one["text"] is not None]
    if any(one["prompt_tokens"] is None or one["completion_tokens"] is None for one in answered):
        return None
    read, written = (sum(one[key] for one in answered) for key in ("prompt_tokens", "completion_tokens"))
    return UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written)


def _note(model: str | None, state: Mapping[str, Any]) -> str | None:
    """Say where the answer comes from a model below the floor that min_quality sets."""
    p_of = {forecast["model"]: forecast["p_success"] for forecast in state["decision"]["forecasts"]}
    p_floor = state["move"].get("p_floor", 0.0)
    if model is None or p_of[model] >= p_floor:
        return None
    return (
        f"min_quality {state['min_quality']:g} was not reached: {model} is forecast to succeed with {p_of[model]:.0%}, "
        f"{p_floor:.0%} would be needed, and no model that reaches it could be asked or answered"
    )
