"""How far a single call may go, so that the limits of its request hold whatever the model does."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.moves import Situation

Bounds = dict[str, float | None]


def call_bounds(situation: Situation, models: Sequence[str]) -> dict[str, Bounds]:
    """Return per model `timeout_s` and `usd`: what calls made at once may take and cost at most, None without limit.

    Each may cost its forecast's upper bound and an equal share of what the budget leaves beyond those.
    """
    limits = situation.limits
    left_s = None if limits.deadline_s is None else max(0.0, limits.deadline_s - situation.elapsed_s)
    if limits.max_usd is None:
        return {model: {"timeout_s": left_s, "usd": None} for model in models}
    bounds = {f.model: f.usd_bound for f in situation.forecasts if f.model in models}
    spare = (limits.max_usd - situation.spent_usd() - sum(bounds.values())) / max(len(bounds), 1)
    return {model: {"timeout_s": left_s, "usd": bounds[model] + spare} for model in models}
