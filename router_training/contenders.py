"""Policies made comparable: each one's choices, at some dials, on the tasks that all their models answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from router_training.catalogue import usd_per_call
from router_training.contract import Catalogue
from router_training.evaluation import default_dials
from router_training.judging.comparison import Sweep, Way
from router_training.judging.controls import Grid, complete_grid
from router_training.judging.curves import Choices, chosen
from router_training.outcomes import OutcomeTable
from router_training.policy import Policy
from router_training.training import judged_part


@dataclass(frozen=True)
class Contender:
    """A policy by a name that a reader knows it by."""

    name: str
    policy: Policy


def common_grid(
    table: OutcomeTable, contenders: Sequence[Contender], catalogue: Catalogue
) -> tuple[Grid, Choices]:
    """Return the tasks that every model of every contender answered, and their positions in the table.

    Raises:
        DataError: if there are none, or a model has no outcomes.
    """
    models = sorted({name for one in contenders for name in one.policy.models})
    return complete_grid(table, usd_per_call(table, catalogue), models)


def policy_ways(
    contenders: Sequence[Contender],
    table: OutcomeTable,
    whole: OutcomeTable,
    grid: Grid,
    kept: Choices,
    dials: Sequence[float],
    cache_dir: Path | None = None,
) -> list[Way]:
    """Return one way per contender and dial, with all its dials swept.

    Args:
        contenders: policies, all forecasting at their own prices.
        table: the tasks to judge on.
        whole: the table that they are part of, by which it is told what a contender was trained on.
        grid: the tasks of `table` to compare on.
        kept: their positions in `table`.
        dials: the operating points.
        cache_dir: where vectors are kept.
    """
    prompts = [table.prompts[i] for i in kept]
    swept = default_dials()
    ways = []
    for one in contenders:
        vectors = one.policy.encoder.encode_cached(prompts, cache_dir)
        forecasts = one.policy.forecast_vectors(prompts, vectors)
        place = np.array([grid.models.index(name) for name in one.policy.models], dtype=np.int64)
        choices = np.stack([place[one.policy.decide(forecasts, float(dial))] for dial in swept])
        sweep = Sweep(chosen(grid.usd, choices), chosen(grid.quality, choices))
        part, _ = judged_part(one.policy, whole)  # all of it where nobody knows what the policy learned from
        unseen = len(part) < len(whole) and set(prompts) <= set(part.prompts)
        for dial in dials:
            choice = place[one.policy.decide(forecasts, dial)]
            name = f"{one.name}, dial {dial:g}"
            usd, quality = chosen(grid.usd, choice), chosen(grid.quality, choice)
            ways.append(Way(name, usd, quality, sweep, unseen))
    return ways
