"""Ways to use several answers, beside the joint model: each is fitted on a training grid and played on a test grid.

A method gives, per price of quality, what it comes to on both parts. Training figures are out of fold where the method
sees confidences: `evidence` and `prior` of the training grid were made without each task's fold.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from router_training.joint.answer_grid import AnswerGrid
from router_training.joint.plans import PRICES
from router_training.joint.playing import play
from router_training.joint_model import JointModel
from router_training.learning.estimation import sigmoid

STEPS = np.concatenate([np.linspace(0.0, 0.9, 19), [0.93, 0.95, 0.97, 0.98, 0.99, 1.01]])
DRAWS = 24


@dataclass(frozen=True, eq=False)
class Curve:
    """A method at K settings: training means (K,), and quality, cost and latest round of each test task (K, n).

    Costs are in units of `usd_scale`; `rounds` counts calls that wait for one another.
    """

    train_quality: np.ndarray
    train_paid: np.ndarray
    quality: np.ndarray
    paid: np.ndarray
    rounds: np.ndarray


@dataclass(frozen=True, eq=False)
class Case:
    """One split, all grids in the order of the joint model's models; `folds` number the training tasks' folds.

    `train_choices` and `test_choices` (K, n) are those of the policy, a row per dial.
    """

    train: AnswerGrid
    test: AnswerGrid
    folds: np.ndarray
    joint: JointModel
    train_choices: np.ndarray
    test_choices: np.ndarray


Ran = tuple[np.ndarray, np.ndarray, np.ndarray]
"""quality, paid, rounds of each task, shape (n,)."""


def _curve(train: list[Ran], test: list[Ran]) -> Curve:
    quality, paid, rounds = (np.stack(parts) for parts in zip(*test, strict=True))
    means = np.array([(one[0].mean(), one[1].mean()) for one in train])
    return Curve(means[:, 0], means[:, 1], quality, paid, rounds)


def joint_model(case: Case) -> Curve:
    """The joint model at each price; its training figures come from plans chosen without each task's fold."""
    played = [play(case.joint, case.test, price) for price in PRICES]
    plans = case.joint.plans
    rounds = [one.calls - one.at_once for one in played]
    return Curve(
        plans.quality,
        plans.usd,
        np.stack([one.quality for one in played]),
        np.stack([one.paid for one in played]),
        np.stack(rounds),
    )


def prompt_only(case: Case) -> Curve:
    """One call, to the model that the policy chooses at each dial."""
    return _curve(
        [_constant(case.train, choice) for choice in case.train_choices],
        [_constant(case.test, choice) for choice in case.test_choices],
    )


def _constant(grid: AnswerGrid, choice: np.ndarray) -> Ran:
    tasks = np.arange(len(grid))
    return grid.quality[tasks, choice], grid.paid[tasks, choice], np.ones(len(grid))


def _chosen(case: Case, ways: Iterator[Callable[[AnswerGrid], Ran]]) -> Curve:
    """At each price, the way of highest quality - price * cost on the training part."""
    tried = [(way, way(case.train)) for way in ways]
    quality, paid = np.array([(ran[0].mean(), ran[1].mean()) for _, ran in tried]).T
    best = [int((quality - price * paid).argmax()) for price in PRICES]
    return _curve([tried[b][1] for b in best], [tried[b][0](case.test) for b in best])


def plain_agreement(case: Case) -> Curve:
    """Ask two at once; where their answers are the same accept, else ask a third and take its answer."""

    def way(i: int, j: int, k: int) -> Callable[[AnswerGrid], Ran]:
        def run(grid: AnswerGrid) -> Ran:
            same = grid.agrees[:, i, j]
            quality = np.where(same, grid.quality[:, j], grid.quality[:, k])
            paid = grid.paid[:, i] + grid.paid[:, j] + np.where(same, 0.0, grid.paid[:, k])
            return quality, paid, np.where(same, 1.0, 2.0)

        return run

    m = case.train.n_models
    ways = (way(*three) for three in itertools.permutations(range(m), 3))
    single = (_one(i) for i in range(m))
    return _chosen(case, itertools.chain(single, ways))


def _one(i: int) -> Callable[[AnswerGrid], Ran]:
    return lambda grid: (grid.quality[:, i], grid.paid[:, i], np.ones(len(grid)))


def verifier_cascade(case: Case) -> Curve:
    """Climb in a fixed order until the learned verifier's p_correct reaches one threshold; return the surest answer."""
    return _chosen(case, _chains(case, same_threshold=True, surest=True))


def frugal(case: Case) -> Curve:
    """FrugalGPT (Chen, Zaharia and Zou, "FrugalGPT", 2023): up to three models, a score threshold per stage, the last
    answer counts; order and thresholds are chosen on the training part.
    """
    return _chosen(case, _chains(case, same_threshold=False, surest=False))


def _chains(case: Case, *, same_threshold: bool, surest: bool) -> Iterator[Callable[[AnswerGrid], Ran]]:
    m = case.train.n_models
    yield from (_one(i) for i in range(m))
    mean = case.train.paid.mean(axis=0)
    rising = [
        order
        for size in (2, 3)
        for order in itertools.permutations(range(m), size)
        if all(mean[a] <= mean[b] for a, b in itertools.pairwise(order))
    ]
    for order in rising:
        steps = (
            [(step,) * 2 for step in STEPS] if same_threshold else itertools.product(STEPS[::3], STEPS[::3])
        )
        yield from (_chain(order, pair, surest) for pair in steps)


def _chain(
    order: tuple[int, ...], thresholds: tuple[float, ...], surest: bool
) -> Callable[[AnswerGrid], Ran]:
    def run(grid: AnswerGrid) -> Ran:
        n = len(grid)
        on, held = np.ones(n, dtype=bool), np.full(n, -np.inf)
        quality, paid, rounds = np.zeros(n), np.zeros(n), np.zeros(n)
        for stage, j in enumerate(order):
            score = sigmoid(grid.evidence[:, j])
            takes = on & ((score > held) | (not surest))
            quality = np.where(takes, grid.quality[:, j], quality)
            held = np.where(takes, score, held)
            paid, rounds = paid + on * grid.paid[:, j], rounds + on
            if stage < len(order) - 1:
                on = on & (score < thresholds[stage])
        return quality, paid, rounds

    return run


def cascade_routing(case: Case) -> Curve:
    """Cascade routing (Dekoninck, Baader and Vechev, "A Unified Approach to Routing and Cascading for LLMs", 2024).

    Before a call a model's quality is estimated from the prompt, after it from its answer. At every step the set of
    models with the highest expected maximum of quality minus price * cost among those that contain the models asked
    is found; its cheapest open model is asked, until nothing is to be added. Estimates before the call deviate from those
    after it as they did in training; sets hold up to three models.
    """
    before, after = sigmoid(case.train.prior), sigmoid(case.train.evidence)
    deviation = (after - before).std(axis=0)
    rng = np.random.default_rng(0)
    noise = deviation * rng.standard_normal((DRAWS, case.train.n_models))
    parts = [[_routed(grid, price, noise) for price in PRICES] for grid in (case.train, case.test)]
    return _curve(*parts)


def _routed(grid: AnswerGrid, price: float, noise: np.ndarray) -> Ran:
    n, m = grid.quality.shape
    sets = [s for size in range(1, min(m, 3) + 1) for s in itertools.combinations(range(m), size)]
    members = np.array([[j in s for j in range(m)] for s in sets])
    cost = grid.usd @ members.T
    asked, rounds = np.zeros((n, m), dtype=bool), np.zeros(n)
    on = np.arange(n)
    while len(on):
        known = asked[on]
        drawn = np.where(
            known[:, None, :],
            sigmoid(grid.evidence[on])[:, None, :],
            sigmoid(grid.prior[on])[:, None, :] + noise,
        )
        top = np.stack([drawn[:, :, list(s)].max(axis=2).mean(axis=1) for s in sets], axis=1)
        holds = ~(known[:, None, :] & ~members).any(axis=2)
        best = np.where(holds, top - price * cost[on], -np.inf).argmax(axis=1)
        left = members[best] & ~known
        go = left.any(axis=1)
        following = np.where(left, grid.usd[on], np.inf).argmin(axis=1)
        on, following = on[go], following[go]
        asked[on, following] = True
        rounds[on] += 1.0
    tasks = np.arange(n)
    accepted = np.where(asked, grid.evidence, -np.inf).argmax(axis=1)
    return grid.quality[tasks, accepted], (asked * grid.paid).sum(axis=1), rounds


METHODS: dict[str, Callable[[Case], Curve]] = {
    "joint model": joint_model,
    "prompt-only router": prompt_only,
    "plain agreement cascade": plain_agreement,
    "cascade on the learned verifier": verifier_cascade,
    "FrugalGPT-style cascade": frugal,
    "cascade routing": cascade_routing,
}
