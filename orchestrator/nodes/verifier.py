"""The verifier node: evidence and a confidence for every new answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig

from orchestrator import plain
from orchestrator.nodes.state import VERIFIER, task_of
from orchestrator.nodes.step import Step
from orchestrator.verifiers import Verifier, verified
from router_training.contract import Attempt


@dataclass(eq=False)
class VerifierNode(Step):
    """Gathers evidence on the drafts that have none yet; a failed call needs no evidence."""

    verifiers: Sequence[Verifier]
    names: Mapping[str, str]

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        return self.summary(input, self.verify(input))

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        return self.summary(input, await asyncio.to_thread(self.verify, input))

    def verify(self, state: Mapping[str, Any]) -> list[Attempt]:
        """Return the new attempts with evidence and confidence."""
        task, kept = task_of(state), plain.decision(state["decision"])
        forecasts = {forecast.model: forecast for forecast in kept.forecasts}
        drafts = [plain.attempt(draft) for draft in state["drafts"][len(state["attempts"]) :]]
        return [
            draft if draft.text is None else verified(self.verifiers, task, draft, forecasts[draft.model])
            for draft in drafts
        ]

    def summary(self, state: Mapping[str, Any], new: Sequence[Attempt]) -> dict[str, Any]:
        """Return what the request has come to with these attempts, made at once."""
        evidence = [one for attempt in new for one in attempt.evidence]
        waited_s = max(attempt.latency_s for attempt in new) + sum(one.latency_s for one in evidence)
        return {
            "attempts": [*state["attempts"], *plain.plain(new)],
            "usd": state["usd"] + sum(attempt.usd for attempt in new) + sum(one.usd for one in evidence),
            "latency_s": state["latency_s"] + waited_s,
            "path": [*state["path"], *(self.names[attempt.model] for attempt in new), VERIFIER],
        }
