"""The approval node: a person is asked before calls that are forecast to be expensive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.types import interrupt

from orchestrator import plain
from orchestrator.moves import Accept
from orchestrator.nodes.finish import Finish
from orchestrator.nodes.router import RouterNode, decided, written
from orchestrator.nodes.state import APPROVAL
from orchestrator.nodes.step import Step

REMEDY = "resume with True to make the calls, False to refuse them"


@dataclass(eq=False)
class ApprovalNode(Step):
    """Stops the graph and asks; `Command(resume=True)` makes the move, `Command(resume=False)` finds a cheaper one.

    Whoever answers otherwise is told the `error`, and asked again.
    """

    router: RouterNode
    finish: Finish

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        models, usd = callees(input["move"]), forecast_usd(input)
        told = {"models": models, "usd": usd, "reason": input["decision"]["reason"]}
        answer = interrupt(told)
        while not isinstance(answer, bool):  # raised, it would be raised for ever: LangGraph keeps the answer
            answer = interrupt({**told, "error": f"the approval is {answer!r}; {REMEDY}"})
        path = [*input["path"], APPROVAL]
        return (
            {"move": {**input["move"], "approved": True}, "path": path}
            if answer
            else self.refused(input, path, config)
        )

    def refused(
        self, state: Mapping[str, Any], path: list[str], config: RunnableConfig | None
    ) -> dict[str, Any]:
        """Return the strategy's move where no model may be asked that costs as much as the dearest one refused."""
        usd_of = {forecast["model"]: forecast["usd"] for forecast in state["decision"]["forecasts"]}
        update = {"refused_usd": max(usd_of[model] for model in callees(state["move"])), "path": path}
        forecasts = plain.forecasts(state["decision"])
        move, situation = self.router.next({**state, **update}, forecasts)
        if not state[
            "attempts"
        ]:  # the first choice was refused: the decision on record is the one that stands
            update["decision"] = plain.plain(decided(situation, move))
        update["move"] = written(move, situation)
        return {**update, **self.finish({**state, **update}, config)} if isinstance(move, Accept) else update


def callees(move: Mapping[str, Any]) -> list[str]:
    """Return the models that a move calls, or may call."""
    return [*move.get("ask", ()), *move.get("hedge", ()), *([move["by"]] if "by" in move else ())]


def forecast_usd(state: Mapping[str, Any]) -> float:
    """Return what the calls of the move are forecast to cost together."""
    usd_of = {forecast["model"]: forecast["usd"] for forecast in state["decision"]["forecasts"]}
    return float(sum(usd_of[model] for model in callees(state["move"])))
