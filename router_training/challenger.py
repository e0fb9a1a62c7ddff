"""The challenger before the gate: its figures beside the champion's, and the verdict that they allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from router_training.catalogue import usd_per_call
from router_training.contract import DataError, FloatArray
from router_training.evaluation import OPERATING_DIAL, default_dials
from router_training.judging import gate
from router_training.judging.bootstrap import Interval
from router_training.judging.controls import Grid, complete_grid
from router_training.judging.curves import Choices, chosen
from router_training.outcomes import OutcomeTable
from router_training.policy import Policy
from router_training.verifier_noise import Bias


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the challenger serves from now on, and why.

    `difference` is the challenger's hull lift less the champion's on the gate part, or less that of the
    constants (0) where nobody serves yet, at the level that `tries` leave; `challenger` and `champion` are
    (usd, quality) per task at `dial`. All are None where no challenger was trained. `gate_is_unseen` is False where
    the champion was trained from other gold or another split, so that it may know some of the gate's tasks, which can
    only flatter it. `rules` say what had to hold, `noise` how labels were corrected, `biases` how the verifier errs, and
    `promise` what becomes of the champion's promise; None where it made none. `n_gold_traces` counts the traces of
    requests that a gold grade stands on now, and `left_out` the rows of feedback that taught nothing, by reason.
    """

    promoted: bool
    reason: str
    n_gold: int
    n_feedback: int
    n_gate_tasks: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    gate_is_unseen: bool = True
    dial: float = OPERATING_DIAL
    difference: Interval | None = None
    challenger: tuple[float, float] | None = None
    champion: tuple[float, float] | None = None
    version: str | None = None
    champion_version: str | None = None
    run_id: str | None = None
    tries: int = 0
    rules: tuple[gate.Reason, ...] = ()
    noise: str = ""
    biases: tuple[Bias, ...] = ()
    promise: str | None = None
    dry_run: bool = False
    n_gold_traces: int = 0

    @property
    def n_left_out(self) -> int:
        """How many rows of feedback taught nothing."""
        return sum(self.left_out.values())


def judged(
    verdict: Verdict,
    challenger: Policy,
    serving: Policy | None,
    table: OutcomeTable,
    *,
    tries: int,
    margin: float,
    seed: int,
) -> Verdict:
    """Return the verdict with the figures and a sentence that claims no more than they allow.

    Args:
        verdict: what is known before the gate.
        challenger: who wants to serve.
        serving: who serves; None where nobody does.
        table: the gate part of gold.
        tries: as for `gate.reasons`.
        margin: as for `gate.reasons`.
        seed: as for `gate.reasons`.

    Raises:
        DataError: the champion chooses a model that the challenger does not.
    """
    grid, kept = complete_grid(table, usd_per_call(table, challenger.catalogue), challenger.models)
    dials = np.unique(np.append(default_dials(), OPERATING_DIAL))
    mine = _choices(challenger, table, grid, dials)[:, kept]
    theirs = None if serving is None else _choices(serving, table, grid, dials)[:, kept]
    at = int(np.abs(dials - OPERATING_DIAL).argmin())
    sides = gate.Sides(mine, theirs, at, float(dials[at]), challenger.usd_scale)
    rules = gate.reasons(grid, sides, tries=tries, margin=margin, seed=seed)
    won = all(rule.holds for rule in rules)
    difference = rules[0].figure
    rival = "the constants" if serving is None else "the champion"
    what = "wins and serves" if won else "does not win, so nothing changes"
    if verdict.dry_run:
        what = "would win and serve (dry run: nothing changes)" if won else what
    figures = (
        f"{difference.value:+.4f} hull lift against {rival} ({100.0 * (1.0 - 2.0 * gate.level_of(tries)):.4g}% interval "
        f"{difference.low:+.4f} to {difference.high:+.4f}, {len(grid)} gold tasks, try {tries} on them)"
    )
    failed = [rule.rule for rule in rules[1:] if not rule.holds]
    if failed:
        figures += f"; it does not pass: {', '.join(failed)}"
    if not verdict.gate_is_unseen:
        figures += "; the champion, trained from other gold or another split, may know some of these tasks"
    return replace(
        verdict,
        promoted=won and not verdict.dry_run,
        reason=f"the challenger {what}: {figures}",
        n_gate_tasks=len(grid),
        dial=float(dials[at]),
        difference=difference,
        challenger=_point(grid, mine[at]),
        champion=None if theirs is None else _point(grid, theirs[at]),
        tries=tries,
        rules=rules,
        promise=_promise_of(serving),
    )


def _choices(policy: Policy, table: OutcomeTable, grid: Grid, dials: FloatArray) -> Choices:
    """Return positions in grid.models, shape (k, n), a row per dial."""
    unknown = [name for name in policy.models if name not in grid.models]
    if unknown:
        raise DataError(
            f"the champion chooses {unknown[0]!r}, which the challenger does not; give gold outcomes of it"
        )
    forecasts = policy.forecast(table.prompts)
    position = np.array([grid.models.index(name) for name in policy.models], dtype=np.int64)
    return np.stack([position[policy.decide(forecasts, float(dial))] for dial in dials])


def _point(grid: Grid, choice: Choices) -> tuple[float, float]:
    return tuple(float(chosen(matrix, choice).mean()) for matrix in (grid.usd, grid.quality))  # type: ignore[return-value]  # two


def _promise_of(serving: Policy | None) -> str | None:
    """Say what becomes of the champion's promise, which was tested on the champion alone; None where it made none."""
    if serving is None or serving.promise is None:
        return None
    return (
        f"The champion promises {serving.promise.claim}; the challenger promises nothing, for that claim was tested on "
        "the champion alone. Where it serves, nothing is promised until `pointsman train --promise` tests it anew."
    )
