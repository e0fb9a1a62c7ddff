"""Whom to ask first, second and third at a price of quality: all orders of models, tried out on graded answers."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray
from router_training.joint.answer_grid import NOBODY, AnswerGrid, Flags, Indices
from router_training.joint.gains import TRUST, Confident
from router_training.joint.plan_worth import (
    RIDGES,
    Figures,
    contexts,
    out_of_fold,
    ridge_weights,
    usual,
    with_one,
)

DEAR = (0.065, 0.085, 0.11, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.4, 2.0, 3.0, 5.0, 9.0, 30.0)
FAIR = (0.006, 0.008, 0.01, 0.0125, 0.015, 0.0175, 0.02, 0.025, 0.03, 0.035, 0.04, 0.05)
PRICES = np.array([0.0, 0.0015, 0.003, 0.0045, *FAIR, *DEAR])
THRESHOLDS = np.array([0.0, *np.linspace(0.3, 0.9, 13), 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99, np.inf])
ANYONE = -2

Gain = Callable[[Indices, Indices, FloatArray, Indices], FloatArray]
"""(tasks, asked, confidence, following) -> what one more answer is forecast to bring, shape (k,)."""

Plan = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Plans:
    """P plans at K prices. A price is what a call of `usd_scale` weighs in quality: (1 - dial) / dial.

    `models` (P, 3): the first, the second or NOBODY, and who follows where these two do not agree: NOBODY, one model, or
    ANYONE, whoever is forecast to bring most for its price, if that is worth it. `weights` (K, P, f) give a plan's
    worth, the mean of quality - price * cost, as a linear function of what is known of the prompt: that of `contexts` at
    the place `reading`, of which `centre` and `spread` (f - 1,) are usual.
    The second is asked where the confidence in the first answer lies below `threshold` (K, P), which it does on
    `second_share` (K, P) of the tasks. `quality` and `usd` (K,) are what the plans chosen prompt by prompt came to on
    tasks that had no part in fitting them.
    """

    models: Indices
    reading: int
    weights: FloatArray
    centre: FloatArray
    spread: FloatArray
    threshold: FloatArray
    second_share: FloatArray
    quality: FloatArray
    usd: FloatArray

    def best(self, price: float, grid: AnswerGrid, usable: Flags) -> Indices:
        """Return the plan of highest worth for each prompt, shape (n,), the first among equals.

        Args:
            price: the nearest of PRICES counts.
            grid: what is known of n prompts.
            usable: the plans to choose from, shape (P,); at least one.
        """
        known = contexts(grid)[self.reading]
        worth = with_one(known, self.centre, self.spread) @ self.weights[self.place(price)].T
        worth = worth.round(9)  # the same plans tie for one prompt and for many, however sums are made
        return np.asarray(np.where(usable, worth, -np.inf).argmax(axis=1), dtype=np.int64)

    def place(self, price: float) -> int:
        """Return the position of the nearest of PRICES, nearness being that of logarithms."""
        return int(np.abs(np.log(PRICES + 1e-3) - np.log(price + 1e-3)).argmin())

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all plans."""
        return {f"plans_{field.name}": np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild from `to_arrays`."""
        figures = [f.name for f in fields(cls) if f.name not in ("models", "reading")]
        kept = {name: np.asarray(arrays[f"plans_{name}"], dtype=np.float64) for name in figures}
        if len(kept["threshold"]) != len(PRICES):
            raise ValueError(f"plans at {len(kept['threshold'])} prices instead of {len(PRICES)}")
        models = np.asarray(arrays["plans_models"], dtype=np.int64)
        return cls(models=models, reading=int(arrays["plans_reading"]), **kept)


class _Result(NamedTuple):
    """What is returned and paid, task by task, shape (n,): `value` mixes confidence and grade."""

    value: FloatArray
    quality: FloatArray
    paid: FloatArray

    def since(self, other: _Result) -> _Result:
        """Return by how much this exceeds another."""
        return _Result(*(mine - others for mine, others in zip(self, other, strict=True)))

    def where(self, asked: Flags) -> _Result:
        """Return 0 where not asked."""
        return _Result(*(part * asked for part in self))

    def plus(self, other: _Result) -> _Result:
        """Return the sum."""
        return _Result(*(mine + others for mine, others in zip(self, other, strict=True)))


class _Trial:
    """Plays plans on a grid, by confidences and gains that were fitted without each task's fold."""

    def __init__(self, grid: AnswerGrid, confident: Confident, gain: Gain) -> None:
        self.grid, self.confident = grid, confident
        m, self.skill = grid.n_models, grid.quality.mean(axis=0)
        self.singles = [self._result((i,)) for i in range(m)]
        self.pairs = {pair: self._result(pair) for pair in itertools.combinations(range(m), 2)}
        triples = {three: self._result(three)[0] for three in itertools.combinations(range(m), 3)}
        tasks = np.arange(len(grid))
        self.gains: dict[tuple[int, int], list[FloatArray]] = {}
        self.more: dict[tuple[int, int], list[_Result]] = {}
        for pair, (both, p) in self.pairs.items():
            asked, rest = np.tile(np.array(pair), (len(grid), 1)), self._rest(pair)
            self.gains[pair] = [gain(tasks, asked, p, np.full(len(grid), k)) for k in rest]
            self.more[pair] = [triples[_in_order(*pair, k)].since(both) for k in rest]

    def plans(self, price: float) -> Iterator[tuple[Plan, FloatArray, _Result, _Result]]:
        """Yield plans: models, confidences in the first answer, its result, and what all that follows adds.

        A third settles what two disagree on if it is the best of the three on the whole; anyone else would have to be
        forecast to help on this very task.
        """
        for i, (first, p) in enumerate(self.singles):
            yield (i, NOBODY, NOBODY), p[:, 0], first, first.since(first)
        for pair, (both, _) in self.pairs.items():
            added = {NOBODY: both.since(both)}
            if rest := self._rest(pair):
                apart = ~self.grid.agrees[:, *pair]
                net = [g - price * self.grid.usd[:, k] for g, k in zip(self.gains[pair], rest, strict=True)]
                added[ANYONE] = _best_of(self.more[pair], net).where(apart)
                followed = zip(rest, self.more[pair], strict=True)
                added |= {
                    k: more.where(apart) for k, more in followed if self.skill[k] >= self.skill[[*pair]].max()
                }
            for (third, result), (i, j) in itertools.product(added.items(), (pair, pair[::-1])):
                first, p = self.singles[i]
                yield (i, j, third), p[:, 0], first, both.plus(result).since(first)

    def _result(self, models: tuple[int, ...]) -> tuple[_Result, FloatArray]:
        """Return what comes of asking these models and returning the surest, and the confidences (n, s)."""
        tasks = np.arange(len(self.grid))
        asked = np.tile(np.array(models), (len(tasks), 1))
        p = self.confident(tasks, asked)
        quality = self.grid.quality[tasks, asked[tasks, p.argmax(axis=1)]]
        paid = self.grid.paid[:, list(models)].sum(axis=1)
        return _Result(TRUST * p.max(axis=1) + (1.0 - TRUST) * quality, quality, paid), p

    def _rest(self, pair: tuple[int, int]) -> list[int]:
        return [k for k in range(self.grid.n_models) if k not in pair]


def _best_of(more: Sequence[_Result], net: Sequence[FloatArray]) -> _Result:
    """Return what asking the model of highest net gain adds, task by task; nothing where none is above 0."""
    nets = np.column_stack(net)
    chosen = np.where(nets.max(axis=1) > 0.0, nets.argmax(axis=1), NOBODY)
    parts = [result.where(chosen == k) for k, result in enumerate(more)]
    return functools.reduce(_Result.plus, parts)


def _in_order(i: int, j: int, k: int) -> tuple[int, int, int]:
    first, second, third = sorted((i, j, k))
    return first, second, third


@dataclass(frozen=True, eq=False)
class _AtPrice:
    """All plans at one price: figures of each task (n, P) by thresholds chosen without its fold, and those to serve."""

    plans: list[Plan]
    worth: Figures
    quality: Figures
    paid: Figures
    threshold: FloatArray
    second_share: FloatArray


def search_plans(grid: AnswerGrid, confident: Confident, gain: Gain, folds: Indices) -> Plans:
    """Try all plans at all prices on graded answers, and learn which prompt is best served by which.

    A ridge regression gives each plan's worth from what is known of the prompt, with the strength whose choices came to
    most on folds that they were not fitted on. The simplest of `contexts` is read that comes to no less than the best by
    more than the standard error of the difference (Breiman et al., "Classification and Regression Trees", 1984, section
    3.4.3), and none where the same plan for all prompts does.

    Args:
        grid: n tasks.
        confident: confidences that were fitted without each task's fold.
        gain: forecasts of gains, fitted likewise.
        folds: the fold of each task, shape (n,).
    """
    trial = _Trial(grid, confident, gain)
    settled = [_at_price(trial, float(price), folds) for price in PRICES]
    rows = np.arange(len(grid))
    known = contexts(grid)
    scales = [usual(one) for one in known]
    designs = [with_one(one, *scale) for one, scale in zip(known, scales, strict=True)]
    reading, ridge, choices = _strength(designs, settled, folds)
    centre, spread = scales[reading]
    chosen = list(zip(settled, choices, strict=True))
    return Plans(
        models=np.array(settled[0].plans),
        reading=reading,
        weights=np.stack([ridge_weights(designs[reading], one.worth, ridge).T for one in settled]),
        centre=centre,
        spread=spread,
        threshold=np.stack([one.threshold for one in settled]),
        second_share=np.stack([one.second_share for one in settled]),
        quality=np.array([one.quality[rows, choice].mean(dtype=np.float64) for one, choice in chosen]),
        usd=np.array([one.paid[rows, choice].mean(dtype=np.float64) for one, choice in chosen]),
    )


def _strength(
    designs: Sequence[FloatArray], settled: Sequence[_AtPrice], folds: Indices
) -> tuple[int, float, list[Indices]]:
    """Return the place of the simplest design that will do, its strength, and the plans (n,) chosen out of fold by price."""
    rows = np.arange(len(folds))
    choices: dict[tuple[int, float], list[Indices]] = {}
    for reading, X in enumerate(designs):
        by_price = [out_of_fold(X, at.worth, folds) for at in settled]
        choices |= {(reading, ridge): [made[ridge] for made in by_price] for ridge in (*RIDGES, np.inf)}
    dials = 1.0 / (1.0 + PRICES)  # utility as strategies see it: dial * quality - (1 - dial) * cost
    worth = {
        one: dials @ [at.worth[rows, choice] for at, choice in zip(settled, made, strict=True)]
        for one, made in choices.items()
    }
    mean = {one: float(of.mean()) for one, of in worth.items()}
    of_each = [
        max(((reading, ridge) for ridge in RIDGES), key=mean.__getitem__) for reading in range(len(designs))
    ]
    best = max(of_each, key=mean.__getitem__)
    short = {one: worth[best] - worth[one] for one in ((0, np.inf), *of_each)}
    simplest = next(one for one, of in short.items() if of.mean() <= of.std() / np.sqrt(len(of)))
    return *simplest, choices[simplest]


def _at_price(trial: _Trial, price: float, folds: Indices) -> _AtPrice:
    found: list[tuple[Plan, _Result, float, float]] = []
    for plan, p, first, added in trial.plans(price):
        net = added.value - price * added.paid
        by_fold = _thresholds(p, net, folds)
        asked = p < THRESHOLDS[by_fold[folds]]
        threshold = THRESHOLDS[by_fold[-1]]
        found.append((plan, first.plus(added.where(asked)), threshold, float((p < threshold).mean())))
    plans, results, threshold, share = zip(*found, strict=True)
    value, quality, paid = (np.column_stack(part).astype(np.float32) for part in zip(*results, strict=True))
    return _AtPrice(list(plans), value - price * paid, quality, paid, np.array(threshold), np.array(share))


def _thresholds(p: FloatArray, net: FloatArray, folds: Indices) -> Indices:
    """Return the best position in THRESHOLDS without each fold, and last the best of all: below it `net` is gained."""
    n_folds, n_steps = int(folds.max()) + 1, len(THRESHOLDS)
    step = np.searchsorted(THRESHOLDS, p, side="right") - 1
    binned = np.bincount(folds * n_steps + step, net, n_folds * n_steps).reshape(n_folds, n_steps)
    gained = np.cumsum(binned, axis=1) - binned
    total = gained.sum(axis=0)
    return np.array([*(total - gained).argmax(axis=1), total.argmax()], dtype=np.int64)
