"""How far a single call may go, so that the limits of its request hold whatever the model does."""

from __future__ import annotations

from orchestrator.moves import Ask, Check, Situation
from router_training.contract import Forecast

Bounds = dict[str, float | None]


def call_bounds(situation: Situation, move: Ask | Check) -> dict[str, Bounds]:
    """Return per model `timeout_s` and `usd`: what calls made at once may take and cost at most, None without limit.

    Each may cost its forecast's upper bound and an equal share of half of what the budget leaves beyond those: if it
    is lost, something is left for another. The time of a stand-in, too, is counted from the move; its node knows
    that it starts later.
    """
    limits, calls = situation.limits, _calls(situation, move)
    left_s = None if limits.deadline_s is None else max(0.0, limits.deadline_s - situation.elapsed_s)
    spare: float | None = None
    if limits.max_usd is not None:
        bound = sum(call.usd_bound for call in calls)
        spare = (limits.max_usd - situation.spent_usd() - bound) / max(2 * len(calls), 1)
    return {
        call.model: {
            "timeout_s": left_s,
            "usd": None if spare is None else call.usd_bound + spare,
        }
        for call in calls
    }


def _calls(situation: Situation, move: Ask | Check) -> tuple[Forecast, ...]:
    """Return the forecasts of the calls of a move, with what checks and syntheses read besides the prompt."""
    models = (move.by,) if isinstance(move, Check) else (*move.models, *move.hedge)
    read = (move.attempt,) if isinstance(move, Check) else move.sources
    known = (f for f in situation.forecasts if f.model in models)
    return tuple(situation.reading(f, *read) if read else f for f in known)
