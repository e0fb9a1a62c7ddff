"""The conditional edge: where a move leads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END

from orchestrator.nodes.approval import forecast_usd
from orchestrator.nodes.state import APPROVAL, CHECK, RACE
from orchestrator.nodes.step import Step


@dataclass(eq=False)
class MoveEdge(Step):
    """The move is the edge: models to ask, the end, or where to go when a strategy has given up.

    Calls that are forecast to cost more than `approve_above_usd` go to a person first.
    """

    names: Mapping[str, str]
    given_up: str
    approve_above_usd: float = math.inf

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> str | list[str]:
        move = input["move"]
        is_free = self.approve_above_usd == math.inf or move.get("approved") or "refuse" in move
        if not is_free and forecast_usd(input) > self.approve_above_usd:
            return APPROVAL
        if move.get("hedge"):
            return RACE
        if "check_of" in move:
            return CHECK
        if "ask" in move:
            return [self.names[model] for model in move["ask"]]
        return END if "accept" in move else self.given_up
