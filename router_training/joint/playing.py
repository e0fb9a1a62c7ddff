"""What the joint model would do with tasks whose answers are all known: the same moves, for all tasks at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from router_training.contract import FloatArray
from router_training.joint.answer_grid import NOBODY, AnswerGrid, Flags, Indices
from router_training.joint.gains import inputs
from router_training.joint.plans import ANYONE
from router_training.joint_model import ASKED_ANYWAY, JointModel


@dataclass(frozen=True, eq=False)
class Played:
    """What came of n tasks, shape (n,): `paid` is in units of `usd_scale`, `confidence` is that of the answer returned.

    `asked` (n, 3) are the models in the order asked, NOBODY for none; `at_once` (n,)
    says that the first two went together.
    """

    quality: FloatArray
    paid: FloatArray
    confidence: FloatArray
    accepted: Indices
    asked: Indices
    at_once: Flags

    @property
    def calls(self) -> FloatArray:
        """How many models were asked, shape (n,)."""
        return np.asarray((self.asked != NOBODY).sum(axis=1), dtype=np.float64)

    def latency_s(self, latency_s: FloatArray) -> FloatArray:
        """Return the seconds until the answer, shape (n,), given those of each call, shape (n, m)."""
        rows = np.arange(len(self.asked))[:, None]
        waits = np.where(self.asked == NOBODY, 0.0, latency_s[rows, np.maximum(self.asked, 0)])
        first_two = np.where(self.at_once, waits[:, :2].max(axis=1), waits[:, :2].sum(axis=1))
        return np.asarray(first_two + waits[:, 2])


def play(joint: JointModel, grid: AnswerGrid, price: float, together: float = ASKED_ANYWAY) -> Played:
    """Return what `JointModel.following` leads to on every task of a grid, where all models may be asked."""
    plans, tasks = joint.plans, np.arange(len(grid))
    chosen = plans.best(price, grid, np.ones(len(plans.models), dtype=bool))
    place = plans.place(price)
    asked, p = np.full((len(grid), 3), NOBODY), np.zeros((len(grid), 3))
    asked[:, 0] = plans.models[chosen, 0]
    p[:, :1] = joint.combination.confidence(grid, tasks, asked[:, :1])
    has_second = plans.models[chosen, 1] != NOBODY
    at_once = has_second & (plans.second_share[place, chosen] >= together)
    doubtful = np.flatnonzero(at_once | (has_second & (p[:, 0] < plans.threshold[place, chosen])))
    asked[doubtful, 1] = plans.models[chosen[doubtful], 1]
    p[doubtful, :2] = joint.combination.confidence(grid, doubtful, asked[doubtful, :2])
    apart = doubtful[~grid.agrees[doubtful, asked[doubtful, 0], asked[doubtful, 1]]]
    third = plans.models[chosen[apart], 2]
    open_end = apart[third == ANYONE]
    anyone, whom = _third(joint, grid, price, open_end, asked[open_end, :2], p[open_end, :2])
    asked[anyone, 2] = whom
    asked[apart[third >= 0], 2] = third[third >= 0]
    more = np.flatnonzero(asked[:, 2] != NOBODY)
    p[more] = joint.combination.confidence(grid, more, asked[more])
    surest = p.argmax(axis=1)
    accepted = asked[tasks, surest]
    paid = np.where(asked == NOBODY, 0.0, grid.paid[tasks[:, None], np.maximum(asked, 0)]).sum(axis=1)
    return Played(grid.quality[tasks, accepted], paid, p[tasks, surest], accepted, asked, at_once)


def _third(
    joint: JointModel, grid: AnswerGrid, price: float, tasks: Indices, asked: Indices, p: FloatArray
) -> tuple[Indices, Indices]:
    """Return the tasks on which a third model is worth its price, and which."""
    net = np.full((len(tasks), grid.n_models), -np.inf)
    for k in range(grid.n_models):
        free = np.flatnonzero((asked != k).all(axis=1))
        X = inputs(grid, joint.combination.pairs, tasks[free], asked[free], p[free], np.full(len(free), k))
        net[free, k] = joint.gains.score(X) - price * grid.usd[tasks[free], k]
    worth = net.max(axis=1) > 0.0
    return tasks[worth], net.argmax(axis=1)[worth]
