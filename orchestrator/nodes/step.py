"""The shape of every node and edge."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.types import Command


class Step(Runnable[Any, Any]):
    """A node or an edge; unless it waits for something, its async face is its sync one."""

    name = None

    @abstractmethod
    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any: ...

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return self.invoke(input, config)


@dataclass(eq=False)
class Leading(Step):
    """A node together with its conditional edge, which reads what the node was given and what it wrote.

    LangGraph's `add_conditional_edges` would copy every channel of the state for the edge to read.
    """

    node: Step
    edge: Step

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Command[str]:
        return self.led(input, self.node.invoke(input, config))

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Command[str]:
        return self.led(input, await self.node.ainvoke(input, config))

    def led(self, state: Mapping[str, Any], update: dict[str, Any]) -> Command[str]:
        """Return the update and where it leads."""
        return Command(update=update, goto=self.edge.invoke({**state, **update}))
