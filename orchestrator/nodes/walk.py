"""A graph walked without LangGraph's engine, for requests that need no checkpoint, no stream of events and no interrupt.

The engine wakes the event loop some forty times a request to schedule, version and copy what such a request never
reads. Nodes, edges and state are those of the graph itself; tests hold both to the same answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphRecursionError
from langgraph.graph import END
from langgraph.graph.message import add_messages
from langgraph.types import Command

from orchestrator.nodes.state import APPROVAL, ROUTER, TOOLS, VERIFIER, State, gather, newest
from router_training.contract import UsageError

REDUCERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "messages": add_messages,
    "drafts": gather,
    "turns": newest,
}
KEPT = frozenset(State.__annotations__) | {
    key for base in State.__mro__ for key in getattr(base, "__annotations__", ())
}


class Walk:
    """Answers as the graph's `ainvoke` does; it begins at the router, and what is no edge leads to the verifier.

    Raises:
        UsageError: if the graph runs tools, asks for approval or keeps threads: those need the engine.
    """

    def __init__(self, graph: Any) -> None:
        nodes = {name: spec.runnable for name, spec in graph.builder.nodes.items()}
        if graph.checkpointer is not None or nodes.keys() & {TOOLS, APPROVAL}:
            raise UsageError(
                "a graph with tools, approval or a checkpointer needs LangGraph's engine; call it itself"
            )
        self._nodes, self._longest = nodes, graph.config["recursion_limit"]

    async def ainvoke(
        self, request: Mapping[str, Any], config: RunnableConfig | None = None
    ) -> dict[str, Any]:
        """Return the last state of a request."""
        state = written({"messages": [], "drafts": [], "turns": {}}, request)
        ahead: Sequence[str] = (ROUTER,)
        for _ in range(self._longest):
            done = await self._together(ahead, state, config)
            leads: dict[str, None] = {}
            for update, to in map(_led, done):
                state = written(state, update)
                leads |= dict.fromkeys(to)
            ahead = [name for name in leads if name != END]
            if not ahead:
                return state
        raise GraphRecursionError(f"no answer after {self._longest} steps")

    async def _together(
        self, names: Sequence[str], state: Mapping[str, Any], config: RunnableConfig | None
    ) -> Sequence[Any]:
        if len(names) == 1:
            return [await self._nodes[names[0]].ainvoke(state, config)]
        tasks = [asyncio.create_task(self._nodes[name].ainvoke(state, config)) for name in names]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()


def written(state: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state with an update, as the graph's channels would take it."""
    merged = {
        key: REDUCERS[key](state[key], value) if key in REDUCERS else value
        for key, value in update.items()
        if key in KEPT
    }
    return {**state, **merged}


def _led(result: Any) -> tuple[Mapping[str, Any], Sequence[str]]:
    """Return the update of a node, and the names of the nodes that follow it."""
    if not isinstance(result, Command):
        return result, (VERIFIER,)
    to: Any = result.goto
    return result.update or {}, (to,) if isinstance(to, str) else to
