"""The verifier node: evidence and a confidence for every new answer, and what follows from it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp

from orchestrator import plain
from orchestrator.barring import limits_of
from orchestrator.calls import Bounds
from orchestrator.nodes import rounds
from orchestrator.nodes.finish import Finish
from orchestrator.nodes.router import RouterNode, written
from orchestrator.nodes.state import VERIFIER, task_of
from orchestrator.nodes.step import Step
from orchestrator.verifiers import Verifier, verified, weighed, without_repeats
from router_training.contract import Attempt, Evidence, Forecast, Task

BRIEF_CHARACTERS = 1_000
PASSED = (GraphBubbleUp,)
"""A verifier may ask a person: the graph stops, and comes back to it."""


@dataclass(eq=False)
class VerifierNode(Step):
    """Gathers evidence on new drafts, then has the router's strategy say what to do with them.

    A failed call needs no evidence. Verifiers that declare themselves `instant` run in the event loop, and over few
    characters also those that are `brief`.
    """

    verifiers: Sequence[Verifier]
    names: Mapping[str, str]
    router: RouterNode
    finish: Finish

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        forecasts = plain.forecasts(input["decision"])
        return self.conclude(input, self.verify(input, forecasts), forecasts, config)

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        if self.is_soon_done(input):
            return self.invoke(input, config)
        forecasts = plain.forecasts(input["decision"])
        attempts = await asyncio.to_thread(self.verify, input, forecasts)
        return self.conclude(input, attempts, forecasts, config)

    def is_soon_done(self, state: Mapping[str, Any]) -> bool:
        """Tell whether finding a thread would take longer than looking at the drafts does."""
        is_short = sum(len(draft["text"] or "") for draft in state["drafts"]) <= BRIEF_CHARACTERS
        return all(
            getattr(verifier, "instant", False) or (is_short and getattr(verifier, "brief", False))
            for verifier in self.verifiers
        )

    def verify(self, state: Mapping[str, Any], forecasts: Sequence[Forecast]) -> list[Attempt]:
        """Return all attempts with evidence and confidence, the new ones last, in the order asked."""
        task, by_model = task_of(state), {forecast.model: forecast for forecast in forecasts}
        move, drafts = state["move"], {draft["model"]: plain.attempt(draft) for draft in state["drafts"]}
        asked = [*move.get("ask", ()), *move.get("hedge", ())]
        new = [drafts[model] for model in asked if model in drafts]
        if sources := tuple(state["attempts"][i]["model"] for i in move.get("sources", ())):
            new = [replace(draft, sources=sources) for draft in new]
        earlier = [plain.attempt(kept) for kept in state["attempts"]]
        judged: list[Attempt] = []
        for place, draft in enumerate(new):
            evidence = without_repeats(self.verifiers, [*earlier, *judged])
            if draft.text is None:
                judged.append(draft)
                continue
            left = self.left(state, forecasts, earlier, [*judged, *new[place:]])
            judged.append(self.judged(evidence, task, draft, by_model[draft.model], left))
        return weighed(self.verifiers, task, [*earlier, *judged], forecasts, PASSED)

    def left(
        self,
        state: Mapping[str, Any],
        forecasts: Sequence[Forecast],
        earlier: Sequence[Attempt],
        new: Sequence[Attempt],
    ) -> Bounds | None:
        """Return what verifiers that make calls may take and cost at most; None where none does, or without limits."""
        if not any(hasattr(verifier, "within") for verifier in self.verifiers):
            return None
        limits = limits_of(state, self.router.dial)
        if limits.max_usd is None and limits.deadline_s is None:
            return None
        made = (*earlier, *new)
        spent_usd = self.router.situation(state, tuple(forecasts), made).spent_usd()
        elapsed_s = state["latency_s"] + waited_s(new)
        return Bounds(
            None if limits.deadline_s is None else limits.deadline_s - elapsed_s,
            None if limits.max_usd is None else limits.max_usd - spent_usd,
        )

    def judged(
        self,
        evidence: Sequence[Verifier],
        task: Task,
        draft: Attempt,
        forecast: Forecast,
        left: Bounds | None = None,
    ) -> Attempt:
        """Return the draft with evidence and confidence; one that asks its caller to run tools says nothing yet."""
        if not (calls := rounds.handed_over(draft)):
            return verified(evidence, task, draft, forecast, left, PASSED)
        names = ", ".join(call["name"] for call in calls)
        found = Evidence("tool_calls", None, f"asks the caller to run {names}; the forecast stands")
        return replace(draft, confidence=forecast.p_success, evidence=(found,))

    def conclude(
        self,
        state: Mapping[str, Any],
        attempts: Sequence[Attempt],
        forecasts: tuple[Forecast, ...],
        config: RunnableConfig | None,
    ) -> dict[str, Any]:
        """Return what the request has come to with these attempts, the new ones made at once, and the next move."""
        new = attempts[len(state["attempts"]) :]
        evidence = [one for attempt in new for one in attempt.evidence]
        update = {
            "attempts": plain.plain(attempts),
            "usd": state["usd"] + sum(attempt.usd for attempt in new) + sum(one.usd for one in evidence),
            "latency_s": state["latency_s"] + waited_s(new),
            "path": [*state["path"], *self.steps(state, new), VERIFIER],
            "drafts": None,
            **({"turns": None} if state.get("turns") else {}),
        }
        now = {**state, **update}
        update["move"] = now["move"] = written(*self.router.next(now, forecasts, tuple(attempts)))
        return {**update, **self.finish(now, config)} if "accept" in update["move"] else update

    def steps(self, state: Mapping[str, Any], new: Sequence[Attempt]) -> list[str]:
        """Return the nodes that these attempts went through, one attempt after the other."""
        return [step for one in new for step in rounds.steps_of(state, one.model, self.names[one.model])]


def waited_s(new: Sequence[Attempt]) -> float:
    """Return how long answers asked for at once, and then verified one after the other, kept the caller waiting."""
    calls_s = max((attempt.delay_s + attempt.latency_s for attempt in new), default=0.0)
    return calls_s + sum(one.latency_s for attempt in new for one in attempt.evidence)
