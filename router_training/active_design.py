"""Which cells to label next: models that a mix of others surpasses are asked little, tasks cover the pool evenly.

A model that lies surely below the mixes of two others at its price takes no further part, but for a small share of
tasks (a race: Maron and Moore, "Hoeffding races", 1994, with paired normal bounds on the hull). Tasks come in an order in
which every part of it holds each region of like prompts in proportion (stratified sampling with proportional allocation:
Cochran, "Sampling Techniques", 1977, section 5.6, never less precise than drawing). Preferring tasks about which estimators
disagree was tried and left: on noisy labels it taught no more than drawing, and what is over-sampled biases the means.
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
REGION = 40  # tasks of a region, on average
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
        return self.value + SURE * self.error > PAYS


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
    begun = np.asarray(labels.asked.any(axis=1))
    explored &= ~begun[:, None]
    wanted = (racing | explored) & ~labels.asked
    if pilot:
        count = min(count, max((min(PILOT, n) - complete) * m, 1))
    chosen = _first(wanted, _in_order(labels.vectors, begun, rng), count)
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

    All routers choose at the same price of quality; the two halves are judged apart and averaged. Tasks that all models in
    the race answered count.
    """
    racing = np.flatnonzero(in_race(labels))
    quality, usd = labels.quality[:, racing], labels.usd[:, racing]
    rows = np.flatnonzero(np.isfinite(quality).all(axis=1))
    if len(racing) < 2 or len(rows) < 2 * folds:
        return Gain(np.inf, 0.0) if len(racing) > 1 else Gain(0.0, 0.0)
    fold = rng.permutation(len(rows)) % folds
    gains = np.zeros(len(rows))
    for k in range(folds):
        learn, held = rng.permutation(rows[fold != k]), rows[fold == k]
        all_of_them, one, other = (
            _worth_of_choices(labels.vectors, quality, usd, part, held)
            for part in (learn, learn[::2], learn[1::2])
        )
        gains[fold == k] = all_of_them - (one + other) / 2.0
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


def _in_order(vectors: Vectors, begun: Mask, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the tasks: first those begun, then the others such that each region is asked in proportion to its size."""
    region = _regions(vectors)
    size, done = np.bincount(region), np.bincount(region, weights=begun)
    fresh = rng.permutation(len(begun))
    fresh = fresh[~begun[fresh]]
    fresh = fresh[np.argsort(region[fresh], kind="stable")]
    mine = region[fresh]
    turn = np.arange(len(fresh)) - np.searchsorted(mine, mine)  # 0 for the first of its region, as drawn
    share = (done[mine] + turn + rng.random(len(size))[mine]) / size[mine]
    return np.concatenate([np.flatnonzero(begun), fresh[np.argsort(share, kind="stable")]])


def _regions(vectors: Vectors) -> NDArray[np.int64]:
    """Return the region of each task, shape (n,): prompts that lie close together, the same at every call."""
    from sklearn.cluster import MiniBatchKMeans  # spares sklearn where nothing is designed

    k = len(vectors) // REGION
    if k < 2:
        return np.zeros(len(vectors), dtype=np.int64)
    found = MiniBatchKMeans(k, random_state=0, n_init=1, batch_size=4096, max_iter=20).fit_predict(vectors)
    return np.unique(found, return_inverse=True)[1]


def _first(wanted: Mask, order: NDArray[np.int64], count: int) -> Mask:
    """Return the wanted cells of the first tasks in `order`, at most `count`; the last task may be cut."""
    chosen = np.zeros_like(wanted)
    flat = wanted[order]
    keep = np.cumsum(flat.ravel()).reshape(flat.shape) <= count
    chosen[order] = flat & keep
    return chosen
