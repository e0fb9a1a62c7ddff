"""Ask, compare, and stop when no further answer is worth its price: what was learnt from answers, at the dial."""

from __future__ import annotations

import math
from dataclasses import dataclass

from orchestrator.moves import NOTHING_FITS, Accept, Ask, GiveUp, Joint, Move, Situation
from router_training.contract import Forecast

MOST_CALLS = 3
ASKED_ANYWAY, ASKED_OFTEN = 0.9, 0.3  # shares of tasks on which a second model is asked after the first
PAID_BY_NOTHING = 1e9


@dataclass(frozen=True)
class Strategy:
    """Let the joint model say whom to ask, at most three models, and accept the surest answer.

    It weighs how much likelier a further answer makes the best one right against the answer's forecast price; two
    models are asked at once where the second would almost always be asked after the first, or where the deadline
    leaves no time for one after the other. Without a joint model it climbs while a model's forecast, weighed by the
    dial, exceeds the confidence in hand. Without any answer, failures are left to a fallback.
    """

    def __call__(self, situation: Situation, /) -> Move:
        best = situation.best()
        if situation.attempts and best is None:
            return GiveUp(situation.failures())
        n_calls = len(situation.attempts) + len(situation.forgotten)
        following = _following(situation)[: max(0, MOST_CALLS - n_calls)]
        if following:
            return Ask(following)
        return Accept(best) if best is not None else GiveUp(NOTHING_FITS)


def _following(situation: Situation) -> tuple[str, ...]:
    """Return whom to ask next, as far as the limits go."""
    usable = {forecast.model: forecast for forecast in situation.open()}
    joint = situation.joint
    if joint is None or not (usable.keys() & set(joint.models)):
        return _climb(situation)
    advised = _advice(situation, joint, ASKED_OFTEN)
    if len(advised) > 1 and not _hurried(situation, [usable[model] for model in advised]):
        advised = _advice(situation, joint, ASKED_ANYWAY)
    kept: list[str] = []
    for model in advised:
        if situation.fits([usable[one] for one in (*kept, model)]):
            kept.append(model)
    return tuple(kept) if kept or situation.attempts else _climb(situation)


def _advice(situation: Situation, joint: Joint, together: float) -> tuple[str, ...]:
    dial = situation.limits.dial
    return joint.following(
        situation.task.prompt,
        situation.forecasts,
        situation.answered(),
        tuple(forecast.model for forecast in situation.open()),
        price=(1.0 - dial) / dial if dial > 0.0 else PAID_BY_NOTHING,
        usd_scale=situation.usd_scale or max((f.usd for f in situation.forecasts), default=0.0) or 1.0,
        together=together,
    )


def _hurried(situation: Situation, calls: list[Forecast]) -> bool:
    """Tell whether these calls fit the deadline at once, but might not one after the other."""
    deadline_s = situation.limits.deadline_s
    waits = [call.latency_bound_s for call in calls if not math.isnan(call.latency_bound_s)]
    return deadline_s is not None and situation.elapsed_s + sum(waits) > deadline_s and situation.fits(calls)


def _climb(situation: Situation) -> tuple[str, ...]:
    """Return the model of highest utility that is forecast to be worth more than the answer in hand."""
    best = situation.best()
    confidence = 0.0 if best is None else best.confidence or 0.0
    in_hand = situation.limits.dial * confidence
    better = [
        one
        for one in situation.open()
        if best is None or (one.p_success > confidence and situation.utility(one) > in_hand)
    ]
    choice = situation.preferred(better)
    return () if choice is None else (choice.model,)
