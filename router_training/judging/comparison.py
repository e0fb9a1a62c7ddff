"""Several policies, strategies or dials on the same tasks: paired differences from one of them, with intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from router_training.contract import FloatArray, UsageError
from router_training.judging.bootstrap import Interval, percentile_interval, resampled_means
from router_training.judging.controls import Grid
from router_training.judging.curves import hull_lift, share_of


@dataclass(frozen=True, eq=False)
class Sweep:
    """All dials of a policy: USD and quality per task, both (k, n)."""

    usd: FloatArray
    quality: FloatArray


@dataclass(frozen=True, eq=False)
class Way:
    """One way to answer n tasks: USD and quality per task, (n,), and all dials where it has a dial.

    `unseen` says whether it surely learned from none of these tasks.
    """

    name: str
    usd: FloatArray
    quality: FloatArray
    sweep: Sweep | None = None
    unseen: bool = True


@dataclass(frozen=True, slots=True)
class Compared:
    """Means per task of one way, and its paired differences from the reference; of the reference itself they are None.

    `lift` is the hull lift over mixes of the single models, None for a way without a dial.
    """

    name: str
    usd: float
    quality: float
    unseen: bool
    lift: float | None
    quality_difference: Interval | None = None
    cost_ratio: Interval | None = None
    lift_difference: Interval | None = None


@dataclass(frozen=True)
class Comparison:
    """All ways on the same `n_tasks` tasks; `reference` names the one that differences are from."""

    n_tasks: int
    n_boot: int
    reference: str
    rows: tuple[Compared, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return all fields as JSON values: None for unknown, infinity as None."""
        content: dict[str, Any] = json.loads(
            json.dumps(asdict(self)), parse_constant=lambda _: None
        )  # NaN and Infinity become null
        return {"schema": 1, **content}


def compare(
    grid: Grid, ways: Sequence[Way], reference: int = 0, *, n_boot: int = 1000, seed: int = 0
) -> Comparison:
    """Compare ways by a paired bootstrap over tasks; every resample is shared by all ways and by the single models.

    Args:
        grid: outcomes of the same n tasks, for the mixes of single models.
        ways: at least one.
        reference: the place of the way that others are compared with.
        n_boot: resamples.
        seed: of the bootstrap.

    Raises:
        UsageError: if two ways have one name.
    """
    names = [way.name for way in ways]
    if len(set(names)) < len(names):
        raise UsageError(
            f"two ways are called {max(names, key=names.count)!r}; name each router and dial once"
        )
    parts = [grid.usd, grid.quality]
    for way in ways:
        parts += [way.usd[:, None], way.quality[:, None]]
        if way.sweep is not None:
            parts += [way.sweep.usd.T, way.sweep.quality.T]
    columns = np.concatenate(parts, axis=1)
    m = len(grid.models)
    found = _figures(columns.mean(axis=0), m, ways)
    rng = np.random.default_rng(seed)
    resamples = np.array([_figures(means, m, ways) for means in resampled_means(columns, n_boot, rng)])
    rows = [
        _row(ways, i, reference, found, resamples.reshape(n_boot, len(ways), 3)) for i in range(len(ways))
    ]
    return Comparison(len(grid), n_boot, names[reference], tuple(rows))


def _figures(means: FloatArray, m: int, ways: Sequence[Way]) -> FloatArray:
    """Return (usd, quality, lift) per way, shape (w, 3), from column means in the order of `compare`."""
    constant_usd, constant_quality = means[:m], means[m : 2 * m]
    at, rows = 2 * m, []
    for way in ways:
        usd, quality, lift = float(means[at]), float(means[at + 1]), math.nan
        at += 2
        if way.sweep is not None:
            k = len(way.sweep.usd)
            lift = hull_lift(means[at : at + k], means[at + k : at + 2 * k], constant_usd, constant_quality)
            at += 2 * k
        rows.append((usd, quality, lift))
    return np.array(rows, dtype=np.float64)


def _row(ways: Sequence[Way], i: int, reference: int, found: FloatArray, resamples: FloatArray) -> Compared:
    usd, quality, lift = found[i].tolist()
    known_lift = None if math.isnan(lift) else lift
    if i == reference:
        return Compared(ways[i].name, usd, quality, ways[i].unseen, known_lift)
    own, other = resamples[:, i], resamples[:, reference]
    ratios = np.array([share_of(a, b) for a, b in zip(own[:, 0], other[:, 0], strict=True)])
    lifts = None
    if known_lift is not None and not math.isnan(found[reference, 2]):
        lifts = percentile_interval(lift - float(found[reference, 2]), own[:, 2] - other[:, 2])
    return Compared(
        ways[i].name,
        usd,
        quality,
        ways[i].unseen,
        known_lift,
        percentile_interval(quality - float(found[reference, 1]), own[:, 1] - other[:, 1]),
        percentile_interval(share_of(usd, float(found[reference, 0])), ratios),
        lifts,
    )
