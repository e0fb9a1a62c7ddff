"""The race node: one model, its stand-ins when it is late, and the first answer."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Collection, Mapping
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from typing import Any

from langchain_core.runnables import RunnableConfig

from orchestrator import plain
from orchestrator.nodes.model import ModelNode
from orchestrator.nodes.step import Step
from router_training.contract import Attempt

CANCELLING_S = 1.0
Drafts = dict[str, Attempt]
Turns = dict[str, Any]
Update = dict[str, Any]


@dataclass(frozen=True)
class Race:
    """Who runs: `first` at once and `hedge` after `after_s` seconds; `usd` is what each call is forecast to cost.

    `at_most` is what each may cost, where the request has a budget.
    """

    first: str
    hedge: tuple[str, ...]
    after_s: float
    usd: Mapping[str, float]
    at_most: Mapping[str, float | None] = field(default_factory=dict)

    def needs_hedge(self, drafts: Drafts) -> bool:
        """Tell whether the stand-ins start, once the first call is done or late; a failure is not lateness.

        A recording answers at once; what counts is how long the model took when it was recorded.
        """
        first = drafts.get(self.first)
        return first is None or (first.text is not None and first.recorded and first.latency_s > self.after_s)

    def is_won(self, drafts: Drafts) -> bool:
        """Tell whether an answer is there; among recordings all are awaited, for their latencies to be compared."""
        return any(draft.text is not None and not draft.recorded for draft in drafts.values())

    def result(self, drafts: Drafts, started: Collection[str]) -> list[Attempt]:
        """Return the attempts in the order asked: the winner, who failed before it, and who was cancelled for it."""
        timed = {n: replace(drafts[n], delay_s=self._delay_s(n)) for n in started if n in drafts}
        answers = [draft for draft in timed.values() if draft.text is not None]
        if not answers:
            return list(timed.values())
        winner = min(answers, key=_end_s)
        return [
            timed[name]
            if name in timed and (timed[name] is winner or _failed_before(timed[name], winner))
            else self._cancelled(name, winner, timed.get(name))
            for name in started
        ]

    def _delay_s(self, name: str) -> float:
        return 0.0 if name == self.first else self.after_s

    def _cancelled(self, name: str, winner: Attempt, draft: Attempt | None) -> Attempt:
        delay_s = self._delay_s(name)
        return Attempt(
            name,
            None,
            error=f"cancelled, for {winner.model} answered first",
            usd=self.usd[name] if draft is None else draft.usd,
            usd_estimated=draft is None,
            usd_at_most=self.at_most.get(name) if draft is None else None,
            latency_s=max(0.0, _end_s(winner) - delay_s),
            recorded=draft is not None and draft.recorded,
            delay_s=delay_s,
            cancelled=True,
        )


def _end_s(attempt: Attempt) -> float:
    return attempt.delay_s + attempt.latency_s


def _failed_before(attempt: Attempt, winner: Attempt) -> bool:
    return attempt.text is None and _end_s(attempt) <= _end_s(winner)


@dataclass(eq=False)
class RaceNode(Step):
    """Runs a race between model nodes. What is cancelled stops at once in `ainvoke`.

    A thread cannot be stopped: in `invoke` a late call is left to run into its own time limit, and not awaited.
    """

    models: Mapping[str, ModelNode]

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        race, call = race_of(input), {**input, "move": {**input["move"], "check": True}}
        found: queue.SimpleQueue[tuple[str, Update]] = queue.SimpleQueue()
        started: list[str] = []

        def start(name: str) -> None:
            started.append(name)
            threading.Thread(target=copy_context().run, args=(run, name), daemon=True).start()

        def run(name: str) -> None:
            broken = Attempt(name, None, error="the call broke off; the log says why")
            update: Update = {"drafts": [plain.plain(broken)]}
            try:
                update = self.models[name].invoke(call, config)
            finally:  # whatever happens in a thread, the race must not wait for it
                found.put((name, update))

        drafts, turns = Drafts(), Turns()
        start(race.first)
        _take(found, drafts, turns, race.after_s)
        if race.needs_hedge(drafts):
            for name in race.hedge:
                start(name)
            while not race.is_won(drafts) and len(drafts) < len(started):
                _take(found, drafts, turns, None)
        return _written(race, drafts, turns, started)

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        race, call = race_of(input), {**input, "move": {**input["move"], "check": True}}
        running: dict[asyncio.Task[Update], str] = {}
        started: list[str] = []

        def start(name: str) -> None:
            started.append(name)
            running[asyncio.ensure_future(self.models[name].ainvoke(call, config))] = name

        drafts, turns = Drafts(), Turns()
        try:
            start(race.first)
            await asyncio.wait(running, timeout=race.after_s)
            _collect(running, drafts, turns)
            if race.needs_hedge(drafts):
                for name in race.hedge:
                    start(name)
                while running and not race.is_won(drafts):
                    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    _collect(running, drafts, turns)
        finally:
            for task in running:
                task.cancel()
        if running:
            await asyncio.wait(running, timeout=CANCELLING_S)
        return _written(race, drafts, turns, started)


def race_of(state: Mapping[str, Any]) -> Race:
    """Return the race that the state's move asks for."""
    move, forecasts = state["move"], state["decision"]["forecasts"]
    usd = {forecast["model"]: forecast["usd"] for forecast in forecasts}
    at_most = {model: bounds["usd"] for model, bounds in move["bounds"].items()}
    return Race(move["ask"][0], tuple(move["hedge"]), move["after_s"], usd, at_most)


def _keep(name: str, update: Update, drafts: Drafts, turns: Turns) -> None:
    drafts[name] = plain.attempt(update["drafts"][0])
    turns.update(update.get("turns", {}))


def _take(
    found: queue.SimpleQueue[tuple[str, Update]], drafts: Drafts, turns: Turns, timeout_s: float | None
) -> None:
    """Wait for one call to end, at most `timeout_s` seconds, and keep its draft."""
    try:
        name, update = found.get(timeout=timeout_s)
    except queue.Empty:
        return
    _keep(name, update, drafts, turns)


def _collect(running: dict[asyncio.Task[Update], str], drafts: Drafts, turns: Turns) -> None:
    for task in [task for task in running if task.done()]:
        _keep(running.pop(task), task.result(), drafts, turns)


def _written(race: Race, drafts: Drafts, turns: Turns, started: Collection[str]) -> Update:
    """Return the update of the state; of who ran, only the winner may go on with tools."""
    result = race.result(drafts, started)
    left = {one.model: turns[one.model] for one in result if one.text is not None and one.model in turns}
    return {"drafts": plain.plain(result), **({"turns": left} if left else {})}
