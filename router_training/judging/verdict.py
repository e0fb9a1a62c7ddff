"""One sentence that says whether routing pays on this table, and no more than the figures allow."""

from __future__ import annotations

import math

from router_training.judging.bootstrap import Interval
from router_training.judging.controls import Point


def verdict(
    n_tasks: int, best: Point, lift: Interval, learned_lift: Interval | None, cost_at_best: Interval
) -> str:
    """Return the verdict; it claims a win only if the whole interval of the lift lies above 0."""
    figures = f"{lift.value:+.3f} quality on average (95% interval {_span(lift)}, {n_tasks:,} tasks)"
    if lift.low > 0.0:
        twin = _twin_clause(learned_lift)
        return (
            f"Routing pays here: the router beats every constant and every mix of two by {figures}"
            f"{_cost_clause(best, cost_at_best)}{twin}."
        )
    if lift.high < 0.0:
        return (
            f"Routing does not pay here: the router loses to constants by {figures}; "
            f"use {best.name} alone, or mix it with a cheaper model."
        )
    return (
        f"No evidence that routing pays here: its lift over constants is {figures}, which includes 0; "
        f"{best.name} alone, or a mix with a cheaper model, may do as well."
    )


def _span(interval: Interval) -> str:
    if math.isnan(interval.low):
        return "not computed"
    return f"{interval.low:+.3f} to {interval.high:+.3f}"


def _cost_clause(best: Point, cost: Interval) -> str:
    quality = f"the quality of {best.name}, the best single model ({best.quality:.3f})"
    if math.isinf(cost.value):
        return f", though it never reaches {quality}"
    return f", and reaches {quality}, at {cost.value:.0%} of its cost (interval {_percent(cost)})"


def _percent(cost: Interval) -> str:
    low, high = (f"{bound:.0%}" if math.isfinite(bound) else "never" for bound in (cost.low, cost.high))
    return f"{low} to {high}"


def _twin_clause(learned_lift: Interval | None) -> str:
    if learned_lift is None:
        return ""
    if learned_lift.low > 0.0:
        return f"; {learned_lift.value:+.3f} of that is more than a twin trained on shuffled labels gains"
    return (
        f"; but a twin trained on shuffled labels does about as well (difference {learned_lift.value:+.3f}, "
        f"interval {_span(learned_lift)}), so the gain comes from knowing costs rather than quality"
    )
