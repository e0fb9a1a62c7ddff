"""The router node: forecasts from the policy, a move from the strategy, and the reasons on record."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from langchain_core.runnables import RunnableConfig
from langchain_core.utils.uuid import uuid7

from orchestrator import plain
from orchestrator.barring import limits_of, too_short, unfit
from orchestrator.bounds import call_bounds, within_limits
from orchestrator.demotion import RECOVERY_SHARE, Demotion
from orchestrator.exploring import Exploration
from orchestrator.health import Health
from orchestrator.limits import Limits
from orchestrator.moves import Accept, Ask, Check, GiveUp, Joint, Move, Situation
from orchestrator.nodes import conversation
from orchestrator.nodes.state import (
    FOR_ONCE,
    ROUTER,
    given_for_once,
    left_over,
    messages_of,
    requirements_of,
    standing_of,
    task_of,
)
from orchestrator.nodes.step import Step
from orchestrator.strategies import Strategy
from router_training.contract import Attempt, Catalogue, Decision, Forecast, Task, UsageError


@dataclass(eq=False)
class RouterNode(Step):
    """Asks the policy what to expect, and the strategy what to do; every request starts here, afresh.

    A `forecast` that has a method `later` is awaited there; any other runs in a thread, unless it is `instant`.
    `operating` returns the dial that reaches a share of the best model's quality, None where no dial is known to.
    `is_kept` tells whether a checkpointer keeps the state.
    """

    forecast: Callable[[Task], tuple[Forecast, ...]]
    strategy: Strategy
    dial: float
    cards: Catalogue
    routes: Callable[[str | None, float], str | None]
    usd_scale: float | None = None
    sticky: float | None = None
    health: Health = field(default_factory=Health)
    operating: Callable[[float], float | None] | None = None
    joint: Joint | None = None
    exploration: Exploration = field(default_factory=Exploration)
    demotion: Demotion | None = None
    is_kept: bool = False

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        start, left = time.perf_counter(), left_over(input)
        try:
            state = {**input, **left, "standing": standing_of(input)}
            forecasts = self.forecast(task_of(state))
            return left | self.begin(state, forecasts, time.perf_counter() - start, trace_id_of(config))
        except UsageError as error:
            return turned_away(input, error)

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        if getattr(self.forecast, "instant", False):
            return self.invoke(input, config)
        start, left, later = time.perf_counter(), left_over(input), getattr(self.forecast, "later", None)
        try:
            state = {**input, **left, "standing": standing_of(input)}
            task = task_of(state)
            forecasts = await (asyncio.to_thread(self.forecast, task) if later is None else later(task))
            return left | self.begin(state, forecasts, time.perf_counter() - start, trace_id_of(config))
        except UsageError as error:
            return turned_away(input, error)

    def begin(
        self, state: Mapping[str, Any], forecasts: tuple[Forecast, ...], elapsed_s: float, trace_id: str
    ) -> dict[str, Any]:
        """Make the first move and write down why."""
        if self.is_kept:
            check_is_kept(state)
        forecasts = conversation.priced(forecasts, self.cards, messages_of(state), state.get("tools"))
        known = self.health.adjusted(forecasts)
        situation = self.situation({**state, "latency_s": elapsed_s}, known, ())
        chosen = self.kept(state, situation, self.move(situation))
        move, propensity = chosen, 1.0
        if not self.sticks(state):  # another model in mid-conversation would lose the prompt cache
            move, propensity = self.explored(chosen, situation, trace_id)
        decision = decided(situation, move, propensity, explored=move is not chosen)
        return {
            "trace_id": trace_id,
            "decision": plain.plain(decision),
            "move": written(move, situation),
            "attempts": [],
            "usd": 0.0,
            "latency_s": elapsed_s,
            "path": [ROUTER],
            "standing": {
                **state["standing"],
                "expected_s": {forecast.model: forecast.latency_s for forecast in forecasts},
            },
        }

    def kept(self, state: Mapping[str, Any], situation: Situation, move: Move) -> Move:
        """Return the move, with the model that wrote the last answer unless the new one is worth `sticky` more."""
        model = conversation.last_model(messages_of(state)) if self.sticks(state) else None
        if model is None:
            return move
        worth = {forecast.model: situation.utility(forecast) for forecast in situation.open()}
        if model not in worth or not isinstance(move, Ask) or len(move.models) > 1 or model == move.models[0]:
            return move
        stays = worth[move.models[0]] - worth[model] <= (self.sticky or 0.0)
        return replace(move, models=(model,), hedge=()) if stays else move

    def sticks(self, state: Mapping[str, Any]) -> bool:
        """Tell whether the request goes on with a conversation that has a model."""
        return self.sticky is not None and conversation.last_model(messages_of(state)) is not None

    def next(
        self,
        state: Mapping[str, Any],
        forecasts: tuple[Forecast, ...],
        attempts: tuple[Attempt, ...] | None = None,
    ) -> tuple[Move, Situation]:
        """Return the strategy's move within the limits, knowing how the attempts so far went, and the situation."""
        situation = self.situation(state, forecasts, attempts)
        return self.move(situation), situation

    def move(self, situation: Situation) -> Move:
        """Return the strategy's move within the limits, or that of the constant while the router is demoted."""
        move = within_limits(self.strategy(situation), situation)
        return move if self.demotion is None else self.demotion.instead(move, situation)

    def explored(self, move: Move, situation: Situation, trace_id: str) -> tuple[Move, float]:
        """Return the first move as chance has it, and its probability; more is explored while the router is demoted."""
        exploration = self.exploration
        if self.demotion is not None and self.demotion.is_on and exploration.share > 0.0:
            exploration = replace(exploration, share=max(exploration.share, RECOVERY_SHARE))
        return exploration.turned(move, situation, trace_id)

    def aimed(self, limits: Limits, state: Mapping[str, Any]) -> tuple[Limits, float]:
        """Return the limits, and the share of the best forecast below which models are asked last.

        Where the policy knows the dial that keeps min_quality on average over all models, that dial stands in for the
        share, unless the request sets a dial of its own or leaves models out.
        """
        share, is_free = limits.min_quality or 0.0, limits.allow is None and not limits.deny
        dial = None
        if self.operating is not None and share > 0.0 and is_free and state.get("dial") is None:
            dial = self.operating(share)
        return (limits, share) if dial is None else (replace(limits, dial=dial), 0.0)

    def situation(
        self,
        state: Mapping[str, Any],
        forecasts: tuple[Forecast, ...],
        attempts: tuple[Attempt, ...] | None = None,
    ) -> Situation:
        """Return the state as strategies see it, within the limits as they now are.

        `attempts` are those of the state unless given.
        """
        if attempts is None:
            attempts = tuple(plain.attempt(kept) for kept in state["attempts"])
        allowed, task = limits_of(state, self.dial), task_of(state)
        never = unfit(self.cards, allowed, requirements_of(state, task.prompt, self.cards))
        never |= _refused(state, forecasts)
        limits, share = self.aimed(allowed, state)
        likeliest = max((f.p_success for f in forecasts if f.model not in never), default=0.0)
        task = _typed(task, forecasts)
        return Situation(
            task=task,
            forecasts=forecasts,
            attempts=attempts,
            limits=limits,
            elapsed_s=state["latency_s"],
            usd_scale=self.usd_scale,
            barred={**self.health.refusals(self.cards), **too_short(self.cards, attempts), **never},
            p_floor=share * likeliest,
            cards=self.cards,
            pointed_to=self.routes(task.task_type, limits.dial),
            joint=self.joint,
        )


def check_is_kept(state: Mapping[str, Any]) -> None:
    """Refuse what a checkpointer cannot keep of the request, before a call is paid for.

    Raises:
        UsageError: if a limit is a number of numpy's.
    """
    for key in FOR_ONCE:
        if isinstance(state.get(key), np.generic):
            raise UsageError(
                f"{key} is {state[key]!r}, which no checkpointer keeps; give a plain number: {state[key].item()!r}"
            )


def turned_away(state: Mapping[str, Any], error: UsageError) -> dict[str, Any]:
    """Return the move that raises this error, and forgets what the request set, for a thread to go on without it.

    What a node raises, LangGraph keeps nothing of: the next request of the thread would meet the same limits.
    """
    return {"move": {"refuse": str(error)}, "standing": standing_of(state), **given_for_once(state)}


def trace_id_of(config: RunnableConfig | None) -> str:
    """Return what the request is called: `trace_id` of the config's `configurable`, by default a new number."""
    given = (config or {}).get("configurable", {}).get("trace_id")
    return str(given or uuid7().hex)


def _typed(task: Task, forecasts: Sequence[Forecast]) -> Task:
    """Return the task with its predicted type where the request names none."""
    if task.task_type is not None or not forecasts or forecasts[0].task_type is None:
        return task
    return replace(task, task_type=forecasts[0].task_type)


def decided(situation: Situation, move: Move, propensity: float = 1.0, *, explored: bool = False) -> Decision:
    """Return why this first move is made, and with what probability."""
    dial = situation.limits.dial
    if not isinstance(move, Ask):
        return Decision("", dial, 1.0, getattr(move, "reason", ""), situation.forecasts, situation.barred)
    first = next(forecast for forecast in situation.forecasts if forecast.model == move.models[0])
    others = f" with {', '.join(move.models[1:])}" if move.models[1:] else ""
    if move.hedge:
        others = f", then {', '.join(move.hedge)} if there is no answer after {move.after_s:.2g} s"
    wait = "" if math.isnan(first.latency_s) else f" in {first.latency_s:.2g} s"
    why = "explored: " if explored else ""
    reason = (
        f"{why}{first.model}{others}: forecast to succeed with {first.p_success:.0%} "
        f"for ${_amount(first.usd)}{wait}, at dial {dial:g}"
    )
    return Decision(first.model, dial, propensity, reason, situation.forecasts, situation.barred)


def _refused(state: Mapping[str, Any], forecasts: Sequence[Forecast]) -> dict[str, str]:
    """Return the models that cost as much as what a person has refused."""
    usd = state.get("refused_usd")
    return {} if usd is None else {one.model: "refused by a person" for one in forecasts if one.usd >= usd}


def _amount(usd: float) -> str:
    """Return an amount with two significant digits and without an exponent."""
    short = f"{usd:.2g}"
    if "e" not in short:
        return short
    return np.format_float_positional(usd, precision=2, unique=False, fractional=False, trim="-")


def written(move: Move, situation: Situation) -> dict[str, Any]:
    """Return the move in plain form."""
    match move:
        case Ask(models, check):
            asked = {"ask": list(models), "check": check, "bounds": call_bounds(situation, move)}
            if move.hedge:
                return {**asked, "hedge": list(move.hedge), "after_s": move.after_s}
            sources = [situation.attempts.index(source) for source in move.sources]
            return {**asked, "sources": sources} if sources else asked
        case Check(attempt, by):
            place = situation.attempts.index(attempt)
            return {"check_of": place, "by": by, "bounds": call_bounds(situation, move)}
        case Accept(attempt):
            floor = {"p_floor": situation.p_floor} if situation.p_floor > 0.0 else {}
            return {"accept": situation.attempts.index(attempt), **floor}
        case GiveUp(reason):
            return {"give_up": reason}
