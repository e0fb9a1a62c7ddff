"""The conditional edges: where a request starts, and where a move leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.types import Send

from orchestrator.nodes.state import FINISH, ROUTER, Request, is_conversation
from orchestrator.nodes.step import Step


class BeginEdge(Step):
    """Sends the router a request with nothing of an earlier one, whatever a checkpointer kept."""

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> list[Send]:
        request = {key: input[key] for key in Request.__annotations__ if key in input}
        return [Send(ROUTER, {**request, "is_new": True})]


@dataclass(eq=False)
class MoveEdge(Step):
    """The move is the edge: models to ask, or where to go when there is nothing more to ask."""

    names: Mapping[str, str]
    given_up: str

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> str | list[Send]:
        move = input["move"]
        if "ask" in move:
            key = "messages" if is_conversation(input) else "input"
            return [Send(self.names[model], {key: input[key]}) for model in move["ask"]]
        return FINISH if "accept" in move else self.given_up
