"""Which calls of a move may start and how far each may go: limits hold whatever strategies and models do."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.moves import Accept, Ask, Check, GiveUp, Move, Situation
from router_training.contract import Forecast

Bounds = dict[str, float | None]


def within_limits(move: Move, situation: Situation) -> Move:
    """Return the move without the calls that the situation does not allow; where none is left, give up.

    Whatever a strategy asks for: no call starts that might break a limit, repeat one, or ask a barred model.
    """
    if isinstance(move, Check):
        checkers = {call.model for call in situation.checkers(move.attempt)}
        return move if move.by in checkers else Accept(move.attempt)
    if not isinstance(move, Ask):
        return move
    if move.sources:
        writers = {call.model for call in situation.writers(*move.sources)}
        return move if move.models[0] in writers else Accept(situation.best() or move.sources[0])
    allowed = {forecast.model: forecast for forecast in situation.open()}
    kept: list[Forecast] = []
    for model in dict.fromkeys((*move.models, *move.hedge)):
        if model in allowed and situation.fits([*kept, allowed[model]]):
            kept.append(allowed[model])
    if not kept:
        return GiveUp(situation.dead_end())
    names = tuple(forecast.model for forecast in kept)
    if names == (*move.models, *move.hedge):
        return move
    models = tuple(name for name in names if name in move.models) or names[:1]
    return replace(move, models=models, hedge=tuple(name for name in names if name not in models))


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
