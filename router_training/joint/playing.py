"""What the joint model would do with tasks whose answers are all known: the same moves, for all tasks at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from router_training.contract import FloatArray
from router_training.joint.answer_grid import NOBODY, AnswerGrid, Indices
from router_training.joint.gains import inputs
from router_training.joint.plans import ANYONE
from router_training.joint_model import ASKED_ANYWAY, JointModel


@dataclass(frozen=True, eq=False)
class Played:
    """What came of n tasks, shape (n,): `paid` is in units of `usd_scale`, `confidence` is that of the answer returned.

    `asked` (n, 3) are the models in the order asked, NOBODY for none; `at_once` says that the first two went together.
    """

    quality: FloatArray
    paid: FloatArray
    confidence: FloatArray
    accepted: Indices
    asked: Indices
    at_once: bool

    @property
    def calls(self) -> FloatArray:
        """How many models were asked, shape (n,)."""
        return np.asarray((self.asked != NOBODY).sum(axis=1), dtype=np.float64)

    def latency_s(self, latency_s: FloatArray) -> FloatArray:
        """Return the seconds until the answer, shape (n,), given those of each call, shape (n, m)."""
        rows = np.arange(len(self.asked))[:, None]
        waits = np.where(self.asked == NOBODY, 0.0, latency_s[rows, np.maximum(self.asked, 0)])
        if not self.at_once:
            return np.asarray(waits.sum(axis=1))
        return np.asarray(waits[:, :2].max(axis=1) + waits[:, 2])


def play(joint: JointModel, grid: AnswerGrid, price: float, together: float = ASKED_ANYWAY) -> Played:
    """Return what `JointModel.following` leads to on every task of a grid, where all models may be asked."""
    plans, tasks = joint.plans, np.arange(len(grid))
    best, place = plans.best(price, np.ones(len(plans.models), dtype=bool)), plans.place(price)
    assert best is not None, "a joint model has at least one plan"
    first, second, third = plans.models[best].tolist()
    at_once = second != NOBODY and bool(plans.second_share[place, best] >= together)
    asked, p = np.full((len(grid), 3), NOBODY), np.zeros((len(grid), 3))
    asked[:, 0] = first
    p[:, :1] = joint.combination.confidence(grid, tasks, asked[:, :1])
    if second != NOBODY:
        doubtful = tasks if at_once else np.flatnonzero(p[:, 0] < plans.threshold[place, best])
        asked[doubtful, 1] = second
        p[doubtful, :2] = joint.combination.confidence(grid, doubtful, asked[doubtful, :2])
        if third == ANYONE:
            more, whom = _third(joint, grid, price, doubtful, asked[doubtful, :2], p[doubtful, :2])
            asked[more, 2] = whom
            p[more] = joint.combination.confidence(grid, more, asked[more])
    surest = p.argmax(axis=1)
    accepted = asked[tasks, surest]
    paid = np.where(asked == NOBODY, 0.0, grid.paid[tasks[:, None], np.maximum(asked, 0)]).sum(axis=1)
    return Played(grid.quality[tasks, accepted], paid, p[tasks, surest], accepted, asked, at_once)


def _third(
    joint: JointModel, grid: AnswerGrid, price: float, tasks: Indices, asked: Indices, p: FloatArray
) -> tuple[Indices, Indices]:
    """Return the tasks on which a third model is worth its price, and which."""
    rest = np.array([k for k in range(grid.n_models) if k not in asked[:1]])
    columns = [
        joint.gains.score(inputs(grid, joint.combination.pairs, tasks, asked, p, np.full(len(tasks), k)))
        - price * grid.usd[tasks, k]
        for k in rest
    ]
    net = np.column_stack(columns) if len(tasks) else np.empty((0, len(rest)))
    worth = net.max(axis=1) > 0.0
    return tasks[worth], rest[net.argmax(axis=1)[worth]]
