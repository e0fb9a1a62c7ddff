"""Whom to ask first, second and third at a price of quality: all orders of models, tried out on graded answers."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray
from router_training.joint.answer_grid import NOBODY, AnswerGrid, Flags, Indices
from router_training.joint.gains import TRUST, Confident

PRICES = np.array(
    [
        0.0,
        0.003,
        0.006,
        0.01,
        0.015,
        0.02,
        0.03,
        0.04,
        0.05,
        0.065,
        0.085,
        0.11,
        0.15,
        0.2,
        0.3,
        0.5,
        1.0,
        3.0,
        30.0,
    ]
)
THRESHOLDS = np.array([0.0, *np.linspace(0.3, 0.9, 13), 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99, np.inf])
ANYONE = -2

Gain = Callable[[Indices, Indices, FloatArray, Indices], FloatArray]
"""(tasks, asked, confidence, following) -> what one more answer is forecast to bring, shape (k,)."""


Plan = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Plans:
    """P plans at K prices. A price is what a call of `usd_scale` weighs in quality: (1 - dial) / dial.

    `models` (P, 3): the first, the second or NOBODY, and ANYONE where a third may follow, whoever is forecast to bring
    most for its price, else NOBODY. `worth` (K, P) is the mean of quality - price * cost on the training tasks; the
    second is asked where the confidence in the first answer lies below `threshold` (K, P), which it does for
    `second_share` (K, P) of the tasks. `quality` and `usd` (K,) are what the best plan came to on tasks that had no
    part in choosing it.
    """

    models: Indices
    worth: FloatArray
    threshold: FloatArray
    second_share: FloatArray
    quality: FloatArray
    usd: FloatArray

    def best(self, price: float, usable: Flags) -> int | None:
        """Return the plan of highest worth at the nearest price, the first among equals, None where none is usable."""
        if not usable.any():
            return None
        return int(np.where(usable, self.worth[self.place(price)], -np.inf).argmax())

    def place(self, price: float) -> int:
        """Return the position of the nearest of PRICES, nearness being that of logarithms."""
        return int(np.abs(np.log(PRICES + 1e-3) - np.log(price + 1e-3)).argmin())

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all plans."""
        return {f"plans_{field.name}": getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild from `to_arrays`."""
        figures = [f.name for f in fields(cls) if f.name != "models"]
        kept = {name: np.asarray(arrays[f"plans_{name}"], dtype=np.float64) for name in figures}
        return cls(models=np.asarray(arrays["plans_models"], dtype=np.int64), **kept)


@dataclass(frozen=True, eq=False)
class _Result:
    """What is returned and paid, task by task, shape (n,): `value` mixes confidence and grade."""

    value: FloatArray
    quality: FloatArray
    paid: FloatArray

    def since(self, other: _Result) -> _Result:
        """Return by how much this exceeds another."""
        return _Result(self.value - other.value, self.quality - other.quality, self.paid - other.paid)

    def where(self, asked: Flags) -> _Result:
        """Return 0 where not asked."""
        return _Result(self.value * asked, self.quality * asked, self.paid * asked)

    def plus(self, other: _Result) -> _Result:
        """Return the sum."""
        return _Result(self.value + other.value, self.quality + other.quality, self.paid + other.paid)


@dataclass(eq=False)
class _Trial:
    """Plays all plans on a grid whose confidences and gains were fitted without each task's fold."""

    grid: AnswerGrid
    confident: Confident
    gain: Gain
    folds: Indices

    def result(self, models: tuple[int, ...]) -> tuple[_Result, FloatArray]:
        """Return what comes of asking these models and returning the surest, and the confidences (n, s)."""
        tasks = np.arange(len(self.grid))
        asked = np.tile(np.array(models), (len(tasks), 1))
        p = self.confident(tasks, asked)
        quality = self.grid.quality[tasks, asked[tasks, p.argmax(axis=1)]]
        paid = self.grid.paid[:, list(models)].sum(axis=1)
        return _Result(TRUST * p.max(axis=1) + (1.0 - TRUST) * quality, quality, paid), p

    def plans(self) -> Iterator[tuple[Plan, int, FloatArray, _Result, _Result]]:
        """Yield plans: models, place of the price, first confidences, result of the first, and what follows adds."""
        m = self.grid.n_models
        singles = [self.result((i,)) for i in range(m)]
        for i, (first, p) in enumerate(singles):
            for place in range(len(PRICES)):
                yield (i, NOBODY, NOBODY), place, p[:, 0], first, first.since(first)
        triples = {three: self.result(three)[0] for three in itertools.combinations(range(m), 3)}
        for pair in itertools.combinations(range(m), 2):
            both, p = self.result(pair)
            rest = [k for k in range(m) if k not in pair]
            gains = [self._gain(pair, p, k) for k in rest]
            more = [triples[_in_order(*pair, k)].since(both) for k in rest]
            for place, price in enumerate(PRICES):
                added = {NOBODY: both.since(both)}
                if rest:
                    added[ANYONE] = _best_of(
                        more, [g - price * self.grid.usd[:, k] for g, k in zip(gains, rest, strict=True)]
                    )
                for (third, result), (i, j) in itertools.product(added.items(), (pair, pair[::-1])):
                    single, alone = singles[i]
                    yield (i, j, third), place, alone[:, 0], single, both.plus(result).since(single)

    def _gain(self, pair: tuple[int, int], p: FloatArray, following: int) -> FloatArray:
        tasks = np.arange(len(p))
        return self.gain(tasks, np.tile(np.array(pair), (len(p), 1)), p, np.full(len(p), following))


def _best_of(more: Sequence[_Result], net: Sequence[FloatArray]) -> _Result:
    """Return what asking the model of highest net gain adds, task by task; nothing where none is above 0."""
    nets = np.column_stack(net)
    chosen = np.where(nets.max(axis=1) > 0.0, nets.argmax(axis=1), NOBODY)
    parts = [result.where(chosen == k) for k, result in enumerate(more)]
    return functools.reduce(_Result.plus, parts)


def _in_order(i: int, j: int, k: int) -> tuple[int, int, int]:
    first, second, third = sorted((i, j, k))
    return first, second, third


def search_plans(grid: AnswerGrid, confident: Confident, gain: Gain, folds: Indices) -> Plans:
    """Try all plans at all prices on graded answers.

    Args:
        grid: n tasks.
        confident: confidences that were fitted without each task's fold.
        gain: forecasts of gains, fitted likewise.
        folds: the fold of each task, shape (n,).
    """
    trial = _Trial(grid, confident, gain, folds)
    n, n_folds, n_steps = len(grid), int(folds.max()) + 1, len(THRESHOLDS)
    position: dict[Plan, int] = {}
    rows: list[tuple[int, int, float, float, float]] = []
    ahead = np.full((len(PRICES), n_folds), -np.inf)
    honest = np.zeros((2, len(PRICES), n_folds))
    for models, place, p, first, added in trial.plans():
        plan = position.setdefault(models, len(position))
        cell = folds * n_steps + np.searchsorted(THRESHOLDS, p, side="right") - 1

        def by_step(base: FloatArray, more: FloatArray, cell: Indices = cell) -> FloatArray:
            """Return the sums (folds, steps) over tasks if the second is asked below each threshold."""
            binned = np.bincount(cell, more, n_folds * n_steps).reshape(n_folds, n_steps)
            total = np.bincount(folds, base, n_folds)[:, None]
            return np.asarray(total + np.cumsum(binned, axis=1) - binned)

        quality, paid = by_step(first.quality, added.quality), by_step(first.paid, added.paid)
        worth = by_step(first.value, added.value) - PRICES[place] * paid
        total = worth.sum(axis=0)
        step = int(total.argmax())
        rows.append((place, plan, total[step] / n, THRESHOLDS[step], float((p < THRESHOLDS[step]).mean())))
        others = total - worth  # what each fold's tasks have no part in, shape (folds, steps)
        steps = others.argmax(axis=1)
        each = np.arange(n_folds)
        better = others[each, steps] > ahead[place]
        ahead[place] = np.where(better, others[each, steps], ahead[place])
        for figure, values in zip(honest[:, place], (quality, paid), strict=True):
            figure[better] = values[each, steps][better]
    return _table(position, rows, honest.sum(axis=2) / n)


def _table(
    position: Mapping[Plan, int],
    rows: list[tuple[int, int, float, float, float]],
    honest: FloatArray,
) -> Plans:
    shape = (len(PRICES), len(position))
    worth, threshold, share = np.full(shape, -np.inf), np.zeros(shape), np.zeros(shape)
    for place, plan, *figures in rows:
        worth[place, plan], threshold[place, plan], share[place, plan] = figures
    return Plans(np.array(list(position)), worth, threshold, share, *honest)
