"""Which cells to label next: models that a mix of others surpasses are asked little, tasks that teach most come first.

A model that lies surely below the mixes of two others at its price takes no further part, but for a small share of
tasks (a race: Maron and Moore, "Hoeffding races", 1994, with paired normal bounds on the hull). Among tasks, those come
first whose prompts lie far from all that were asked, and about which two unlike estimators disagree on what the dearer
models are worth (Seung, Opper and Sompolinsky, "Query by committee", 1992). All choices are drawn, none is certain.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray, UsageError, Vectors

PILOT = 100  # tasks that every model is asked before anything is concluded
EXPLORED = 0.05  # of the tasks, where a model out of the race is asked all the same
SURE = 2.0  # standard errors
PAYS = 0.002  # quality per task that doubling the labels must bring to pay
JUDGES = 1000  # labelled tasks, about, from which the two estimators learn: more would cost seconds a batch
_CLOSE = 1e-9

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Labels:
    """What is known of n tasks and m models while labelling goes on.

    `vectors` (n, d) are of the prompts; `usd` (n, m) is what each call is expected to cost; `quality` (n, m) is NaN where
    unknown; `asked` (n, m) marks cells that were asked, also where no grade came of it.
    """

    vectors: Vectors
    usd: FloatArray
    quality: FloatArray
    asked: Mask


@dataclass(frozen=True, slots=True)
class Gain:
    """What the second half of the labels brought: quality per task at equal cost, with its standard error."""

    value: float
    error: float

    @property
    def may_pay(self) -> bool:
        """Whether as many labels again could bring PAYS: they bring no more than the half before did."""
        return self.value + self.error > PAYS


def next_cells(labels: Labels, count: int, rng: np.random.Generator) -> Mask:
    """Return up to `count` cells to ask next, shape (n, m); fewer only where fewer are left.

    Raises:
        UsageError: if `count` is below 1.
    """
    if count < 1:
        raise UsageError(f"count is {count}, but a batch has at least one cell")
    n, m = labels.quality.shape
    complete = int(labels.asked.all(axis=1).sum())
    pilot = complete < min(PILOT, n)
    racing = np.ones(m, dtype=bool) if pilot else in_race(labels)
    explored = np.ones((n, m), dtype=bool) if pilot else rng.random((n, m)) < EXPLORED
    wanted = (racing | explored) & ~labels.asked
    if pilot:
        count = min(count, max((min(PILOT, n) - complete) * m, 1))
    order = _in_order(_worth(labels, racing), wanted, rng)
    chosen = _first(wanted, order, count)
    short = count - int(chosen.sum())
    if short > 0:  # all that the race wants is asked
        chosen |= _first(~labels.asked & ~chosen, rng.permutation(n), short)
    return chosen


def in_race(labels: Labels) -> Mask:
    """Return which models may still be worth asking, shape (m,): not surely below the others or their mixes."""
    quality, usd = labels.quality, np.nanmean(labels.usd, axis=0)
    m = quality.shape[1]
    racing = np.ones(m, dtype=bool)
    for j in range(m):
        others = [k for k in range(m) if k != j]
        cheaper = [(k, k, 1.0) for k in others if usd[k] <= usd[j] + _CLOSE * abs(usd[j])]
        mixes = [_mix(a, b, usd, j) for a, b in combinations(others, 2)]
        racing[j] = not any(_surely_below(quality, j, mix) for mix in [*cheaper, *filter(None, mixes)])
    return racing if racing.any() else np.ones(m, dtype=bool)


def doubling_gain(labels: Labels, rng: np.random.Generator, folds: int = 4) -> Gain:
    """Return what labels beyond half of those there are bring a router, judged on labelled tasks left out.

    Both routers choose at the same price of quality; tasks with two grades or more among the models in the race count.
    """
    racing = np.flatnonzero(in_race(labels))
    quality, usd = labels.quality[:, racing], labels.usd[:, racing]
    rows = np.flatnonzero(np.isfinite(quality).all(axis=1))
    if len(racing) < 2 or len(rows) < 2 * folds:
        return Gain(np.inf, 0.0) if len(racing) > 1 else Gain(0.0, 0.0)
    fold = rng.permutation(len(rows)) % folds
    gains = np.zeros(len(rows))
    for k in range(folds):
        learn, held = rows[fold != k], rows[fold == k]
        half = rng.permutation(learn)[: len(learn) // 2]
        worth = [_worth_of_choices(labels.vectors, quality, usd, part, held) for part in (learn, half)]
        gains[fold == k] = worth[0] - worth[1]
    return Gain(float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains))))


def _worth_of_choices(
    vectors: Vectors, quality: FloatArray, usd: FloatArray, learn: NDArray[np.int64], held: NDArray[np.int64]
) -> FloatArray:
    """Return quality minus price for each task held out, averaged over prices of quality, shape (len(held),)."""
    from router_training.success_models.joint import Estimator  # spares scipy where nothing is designed

    p = Estimator().fit(vectors[learn], quality[learn]).predict(vectors[held])
    scale = usd.mean(axis=0).max()
    total = np.zeros(len(held))
    prices = np.array([0.05, 0.1, 0.2, 0.4]) / max(float(scale), 1e-12)
    for price in prices:
        choice = (p - price * usd[held]).argmax(axis=1)
        at = np.arange(len(held)), choice
        total += quality[held][at] - price * usd[held][at]
    return total / len(prices)


def _mix(a: int, b: int, usd: FloatArray, j: int) -> tuple[int, int, float] | None:
    """Return two models and the share of the first whose mix costs what model j costs, None where none does."""
    low, high = (a, b) if usd[a] <= usd[b] else (b, a)
    if not usd[low] < usd[j] < usd[high]:
        return None
    return low, high, float((usd[high] - usd[j]) / (usd[high] - usd[low]))


def _surely_below(quality: FloatArray, j: int, mix: tuple[int, int, float]) -> bool:
    a, b, share = mix
    ahead = share * quality[:, a] + (1.0 - share) * quality[:, b] - quality[:, j]
    ahead = ahead[np.isfinite(ahead)]
    if len(ahead) < 2:
        return False
    return bool(ahead.mean() > SURE * max(ahead.std(ddof=1), _CLOSE) / np.sqrt(len(ahead)))


def _worth(labels: Labels, racing: Mask) -> FloatArray:
    """Return what asking each task promises, shape (n,): how far it lies from what was asked, times the dispute about it."""
    seen = np.asarray(np.isfinite(labels.quality[:, racing]).any(axis=1))
    if seen.sum() < 10:
        return np.ones(len(seen))
    nearest = _similarity(labels.vectors, labels.vectors[seen])
    far = np.sqrt(np.clip(1.0 - nearest, 0.0, None)) + 0.05
    return far * (0.1 + _dispute(labels, racing, seen))


def _dispute(labels: Labels, racing: Mask, seen: Mask) -> FloatArray:
    """Return how unlike a regression and a neighbour profile see the models' differences, shape (n,)."""
    from router_training.success_models import joint, knn  # spares scipy where nothing is designed

    rows = np.flatnonzero(seen)
    rows = rows[:: max(1, len(rows) // JUDGES)]
    quality = labels.quality[rows][:, racing]
    one, other = (
        estimator.fit(labels.vectors[rows], quality).predict(labels.vectors)
        for estimator in (joint.Estimator(), knn.Estimator(k=min(30, len(quality))))
    )
    apart = (one - one.mean(axis=1, keepdims=True)) - (other - other.mean(axis=1, keepdims=True))
    return np.asarray(np.abs(apart).mean(axis=1))


def _similarity(vectors: Vectors, seen: Vectors, rows: int = 2048) -> FloatArray:
    """Return each prompt's highest cosine with one that was asked, shape (n,)."""
    unit, known = (
        part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12) for part in (vectors, seen)
    )
    parts = [(unit[start : start + rows] @ known.T).max(axis=1) for start in range(0, len(unit), rows)]
    return np.concatenate(parts).astype(np.float64)


def _in_order(worth: FloatArray, wanted: Mask, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the tasks in a drawn order in which those of higher worth tend to come first (Gumbel's trick)."""
    keys = np.log(np.maximum(worth, 1e-12)) + rng.gumbel(size=len(worth))
    keys[~wanted.any(axis=1)] = -np.inf
    return np.argsort(-keys, kind="stable")


def _first(wanted: Mask, order: NDArray[np.int64], count: int) -> Mask:
    """Return the wanted cells of the first tasks in `order`, at most `count`; the last task may be cut."""
    chosen = np.zeros_like(wanted)
    flat = wanted[order]
    keep = np.cumsum(flat.ravel()).reshape(flat.shape) <= count
    chosen[order] = flat & keep
    return chosen
