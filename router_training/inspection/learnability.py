"""Is there anything to route: what an oracle would gain, what a plain model learns, and how many tasks it takes to see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from router_training.catalogue import usd_per_call
from router_training.contract import Catalogue, DataError, FloatArray
from router_training.embedding import Encoder
from router_training.evaluation import evaluate
from router_training.inspection.finding import Finding, fine, know, mend
from router_training.judging.controls import complete_grid
from router_training.judging.curves import best_constant
from router_training.judging.evaluation_result import Evaluation
from router_training.learning.selection import Candidate
from router_training.outcomes import OutcomeTable
from router_training.policy import fit_policy
from router_training.tables.merging import TEST_SHARE
from router_training.twin import twin_on

PLAIN = Candidate("logistic", {"C": 0.1})
SHARES = (0.125, 0.25, 0.5, 1.0)
FEWEST_TASKS = 20
POINT = 0.01
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class CurveStep:
    """What the plain model gains over mixes of constants when it learns from `n_tasks` tasks."""

    n_tasks: int
    lift: float


@dataclass(frozen=True)
class Learnability:
    """The plain model's evaluation, and its lift as it learns from more tasks."""

    evaluation: Evaluation
    steps: tuple[CurveStep, ...]

    @property
    def still_rising(self) -> float:
        """The lift that the last doubling of tasks brought; NaN with one step."""
        return self.steps[-1].lift - self.steps[-2].lift if len(self.steps) > 1 else float("nan")


def learnability(
    table: OutcomeTable,
    catalogue: Catalogue,
    encoder: Encoder,
    *,
    seed: int = 0,
    n_boot: int = 1000,
    progress: Progress | None = None,
) -> Learnability:
    """Train one regression per model on growing parts of the training part, and judge each on the test part.

    The parts grow by whole groups of near-duplicates. The last one is judged with intervals and beside its twin.
    """
    train, test = table.split(TEST_SHARE, seed)
    order = np.random.default_rng(seed).permutation(int(train.groups.max()) + 1)
    steps, found = [], None
    for k, share in enumerate(SHARES):
        part = train.take(np.flatnonzero(np.isin(train.groups, order[: round(share * len(order))])))
        if share < 1.0 and len(part) < FEWEST_TASKS:
            continue
        try:
            policy = fit_policy(part, catalogue=catalogue, encoder=encoder, candidates=[PLAIN], seed=seed)
        except DataError:
            if share == 1.0:
                raise
            continue  # a small part may lack a model, or grades
        whole = share == 1.0
        forecasts = policy.forecast_vectors(test.prompts, encoder.encode_cached(test.prompts))
        twin = twin_on(policy, part, test, seed=seed).p_success if whole else None
        found = evaluate(
            policy,
            test,
            twin=policy if whole else None,
            n_boot=n_boot if whole else 0,
            seed=seed,
            catalogue=catalogue,
            forecasts=forecasts,
            twin_forecasts=None if twin is None else replace(forecasts, p_success=twin),
        )
        steps.append(CurveStep(len(part), found.lift.value))
        if progress is not None:
            progress("learning curve", k + 1, len(SHARES))
    if found is None:
        raise DataError(f"{table.origin} is too small to learn from; add tasks (some hundreds are a start)")
    return Learnability(found, tuple(steps))


def tasks_to_see(differences: FloatArray, effect: float = POINT, power: float = 0.8) -> int:
    """Return how many tasks show a difference in mean quality of `effect` with this power, at 95% confidence.

    n = (z(0.975) + z(power))^2 s^2 / effect^2 for the paired differences (n,) of two ways to answer (Cohen, "Statistical power
    analysis for the behavioral sciences", 1988, chapter 2).
    """
    spread = float(np.std(differences, ddof=1)) if len(differences) > 1 else 0.0
    return int(np.ceil(((ndtri(0.975) + ndtri(power)) * spread / effect) ** 2))


def sample_size(table: OutcomeTable, catalogue: Catalogue) -> Finding:
    """Say how many held-out tasks it takes to see a difference of one point, and what those at hand can show."""
    grid, _ = complete_grid(table, usd_per_call(table, catalogue), table.models)
    quality = grid.quality.mean(axis=0)
    best = best_constant(grid.usd.mean(axis=0), quality)
    others = [j for j in range(len(grid.models)) if j != best]
    second = max(others, key=lambda j: quality[j])
    differences = grid.quality[:, best] - grid.quality[:, second]
    needed, held = tasks_to_see(differences), max(1, round(TEST_SHARE * len(grid)))
    visible = 100.0 * POINT * np.sqrt(needed / held)
    said = (
        f"to see 1 point between {grid.models[best]} and {grid.models[second]} takes {needed:,} held-out tasks; "
        f"the {held:,} that a split leaves can show {visible:.1f} points"
    )
    return know("sample size", said) if visible > 5.0 else fine("sample size", said)


def learning_curve(found: Learnability) -> Finding:
    """Say how the gain grows with labels."""
    steps = ", ".join(f"{100 * step.lift:+.1f} points from {step.n_tasks:,} tasks" for step in found.steps)
    rising = found.still_rising
    if np.isnan(rising):
        return know("learning curve", f"{steps}: too few tasks for a curve")
    tail = f"the last doubling brought {100 * rising:+.1f} points"
    return know("learning curve", f"{steps}; {tail}" + ("; more labels would help" if rising > 0.005 else ""))


def room(evaluation: Evaluation) -> Finding:
    """Say what an oracle would gain: nobody can gain more."""
    said = f"an oracle lies {100 * evaluation.oracle_lift:.1f} points above mixes of single models on average"
    if evaluation.oracle_lift < 0.005:
        return mend("room", f"{said}: the models differ too little; add one that is cheaper or better")
    return fine("room", said)
