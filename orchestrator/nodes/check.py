"""The check node: one model says whether another's answer is right, and the confidence follows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig

from orchestrator import plain, requests
from orchestrator.nodes.model import ModelNode
from orchestrator.nodes.state import CHECK, is_conversation
from orchestrator.nodes.step import Step
from router_training.contract import Attempt, Evidence

LEAST, MOST = 0.01, 0.99


@dataclass(eq=False)
class CheckNode(Step):
    """Asks the model that the move names; what it says becomes evidence, and its price the request's."""

    models: Mapping[str, ModelNode]

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        return checked(input, self.models[input["move"]["by"]].invoke(question(input), config))

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        return checked(input, await self.models[input["move"]["by"]].ainvoke(question(input), config))


def question(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the checker is asked: the request, followed by the answer in marks."""
    asked = state["messages"] if is_conversation(state) else [HumanMessage(state["input"])]
    answer = state["attempts"][state["move"]["check_of"]]["text"]
    move = {"check": True, "bounds": state["move"]["bounds"]}
    return {"messages": requests.with_request(asked, requests.check(answer)), "move": move}


def checked(state: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the request has come to with this check; it goes on to the verifier, which has nothing new."""
    place, reply = state["move"]["check_of"], plain.attempt(update["drafts"][0])
    skill = {one["model"]: one["p_success"] for one in state["decision"]["forecasts"]}[reply.model]
    attempts = list(state["attempts"])
    attempts[place] = plain.plain(with_check(plain.attempt(attempts[place]), reply, skill))
    return {
        "attempts": attempts,
        "usd": state["usd"] + _usd(reply),
        "latency_s": state["latency_s"] + reply.latency_s,
        "path": [*state["path"], CHECK],
    }


def with_check(attempt: Attempt, reply: Attempt, skill: float) -> Attempt:
    """Return the attempt with what a checker replied as evidence, and the confidence that follows by Bayes' rule.

    A checker is taken to judge an answer as reliably as it is forecast to answer the task itself (`skill`), and
    never worse than a coin; its yes adds logit(skill) to the logit of the confidence, its no takes it away.
    """
    skill = min(max(skill, 0.5), MOST)
    said = None if reply.text is None else requests.said_right(reply.text)
    reason, p_correct, confidence = _unread(reply), None, attempt.confidence
    if said is not None:
        p_correct = said * skill + (1.0 - said) * (1.0 - skill)
        reason = f"{reply.model} finds it {'right' if said > 0.5 else 'not right'}"
        confidence = _updated(attempt.confidence or 0.0, (2.0 * said - 1.0) * math.log(skill / (1.0 - skill)))
    evidence = Evidence("check", p_correct, reason, _usd(reply), reply.latency_s, reply.model)
    return replace(attempt, confidence=confidence, evidence=(*attempt.evidence, evidence))


def _usd(reply: Attempt) -> float:
    """Return what a check cost; of one that broke off, what it may have cost at most."""
    return reply.usd if reply.usd_at_most is None else reply.usd_at_most


def _updated(confidence: float, change: float) -> float:
    """Return the probability whose logit is `change` away; what is certainly wrong stays so."""
    if confidence <= LEAST:
        return confidence
    inner = min(confidence, MOST)
    return 1.0 / (1.0 + (1.0 - inner) / inner * math.exp(-change))


def _unread(reply: Attempt) -> str:
    return (
        f"{reply.model} failed to check it: {reply.error}"
        if reply.text is None
        else f"{reply.model} said neither yes nor no"
    )
