"""The shape of every node and edge."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig


class Step(Runnable[Any, Any]):
    """A node or an edge; unless it waits for something, its async face is its sync one."""

    name = None

    @abstractmethod
    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any: ...

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return self.invoke(input, config)
