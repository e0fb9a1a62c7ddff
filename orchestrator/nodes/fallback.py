"""The fallback node: what happens where a strategy gives up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig

from orchestrator import plain
from orchestrator.moves import Accept, Ask, GiveUp, Move, Situation
from orchestrator.nodes.finish import Finish
from orchestrator.nodes.router import RouterNode, written
from orchestrator.nodes.state import FALLBACK
from orchestrator.nodes.step import Step
from router_training.contract import UsageError


@dataclass(eq=False)
class FallbackNode(Step):
    """Takes over where a strategy gives up: untried models, likeliest first; else the best answer there is.

    Raises:
        UsageError: if the router has refused the request.
    """

    router: RouterNode
    finish: Finish

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        if "refuse" in input["move"]:
            raise UsageError(input["move"]["refuse"])
        situation = self.router.situation(input, plain.forecasts(input["decision"]))
        move = last_resort(situation)
        update = {"move": written(move, situation), "path": [*input["path"], FALLBACK]}
        return update if isinstance(move, Ask) else {**update, **self.finish({**input, **update}, config)}


def last_resort(situation: Situation) -> Move:
    """Return the move after a strategy has given up: the likeliest untried model, else the best answer there is."""
    left = sorted(situation.open(), key=lambda f: (-f.p_success, f.usd, f.model))
    best = situation.best()
    if left:
        return Ask((left[0].model,), check=False)
    return GiveUp(situation.dead_end()) if best is None else Accept(best)
