"""The conditional edge: where a move leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END

from orchestrator.nodes.state import CHECK, RACE
from orchestrator.nodes.step import Step


@dataclass(eq=False)
class MoveEdge(Step):
    """The move is the edge: models to ask, the end, or where to go when a strategy has given up."""

    names: Mapping[str, str]
    given_up: str

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> str | list[str]:
        move = input["move"]
        if move.get("hedge"):
            return RACE
        if "check_of" in move:
            return CHECK
        if "ask" in move:
            return [self.names[model] for model in move["ask"]]
        return END if "accept" in move else self.given_up
