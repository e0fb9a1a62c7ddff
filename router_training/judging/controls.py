"""What a router is compared with: constants, their mixes, chance, and the oracle, all on the same tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from router_training.contract import DataError, FloatArray
from router_training.judging.curves import Choices, Hull, chosen
from router_training.listing import listed
from router_training.outcomes import OutcomeTable


@dataclass(frozen=True, eq=False)
class Grid:
    """The tasks that every compared model answered: matrices of shape (n, m) without gaps in quality and usd."""

    models: tuple[str, ...]
    quality: FloatArray
    usd: FloatArray
    latency_s: FloatArray
    task_types: tuple[str | None, ...]
    n_left_out: int = 0
    sources: tuple[str | None, ...] = ()

    def __len__(self) -> int:
        return len(self.quality)


@dataclass(frozen=True, slots=True)
class Point:
    """Means per task of one way to choose; `latency_s` is NaN where latency was not recorded."""

    name: str
    usd: float
    quality: float
    latency_s: float


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Means per task at one dial, what a mix of constants reaches at that cost, and who was asked."""

    dial: float
    usd: float
    quality: float
    latency_s: float
    mix_quality: float
    shares: dict[str, float]


def complete_grid(table: OutcomeTable, usd: FloatArray, models: Sequence[str]) -> tuple[Grid, Choices]:
    """Return the tasks with quality and cost of all `models`, and their positions in the table.

    Raises:
        DataError: if the table lacks a model, or no task has outcomes of all models.
    """
    absent = [name for name in models if name not in table.models]
    if absent:
        raise DataError(
            f"{table.origin} has no outcomes of {listed([repr(name) for name in absent])} (found: {listed(table.models)}); "
            "evaluate on outcomes of the models that the policy chooses from"
        )
    columns = [table.models.index(name) for name in models]
    quality, usd = table.quality[:, columns], usd[:, columns]
    unpriced = [name for name, column in zip(models, usd.T, strict=True) if np.isnan(column).all()]
    if unpriced:
        raise DataError(
            f"{table.origin} has no cost of {listed([repr(name) for name in unpriced])}; "
            "fill the column cost_usd, or token counts and a models file with prices"
        )
    kept = np.flatnonzero(np.isfinite(quality).all(axis=1) & np.isfinite(usd).all(axis=1))
    if not len(kept):
        raise DataError(
            f"{table.origin} has no task with quality and cost of all {len(columns)} models; "
            "a comparison needs tasks that every model answered: complete some rows or drop a model"
        )
    types = tuple(table.task_types[i] for i in kept)
    latency_s = table.latency_s[:, columns][kept]
    n_left_out, sources = len(table) - len(kept), tuple(table.sources[i] for i in kept)
    return Grid(tuple(models), quality[kept], usd[kept], latency_s, types, n_left_out, sources), kept


def constants(grid: Grid) -> tuple[Point, ...]:
    """Return one point per model: always asking it."""
    everywhere = np.repeat(np.arange(len(grid.models))[:, None], len(grid), axis=1)
    return tuple(_point(grid, name, choice) for name, choice in zip(grid.models, everywhere, strict=True))


def chance(grid: Grid) -> Point:
    """Return the expected point of a router that picks uniformly at random."""
    return Point("random", float(grid.usd.mean()), float(grid.quality.mean()), _mean(grid.latency_s))


def oracle_choice(grid: Grid) -> Choices:
    """Return per task the best answer, the cheapest among equals, shape (n,)."""
    best = grid.quality == grid.quality.max(axis=1, keepdims=True)
    return np.asarray(np.where(best, grid.usd, np.inf).argmin(axis=1), dtype=np.int64)


def oracle(grid: Grid) -> Point:
    """Return the point of a router that knows every outcome and wants quality above all."""
    return _point(grid, "oracle", oracle_choice(grid))


def oracle_curve(grid: Grid, dials: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (usd, quality), shape (k,), of a router that knows every outcome and turns the dial.

    At dial d it maximises d * quality - (1 - d) * usd / (mean usd of the dearest model), task by task.
    """
    scale = float(grid.usd.mean(axis=0).max()) or 1.0
    usd, quality = np.empty(len(dials)), np.empty(len(dials))
    for k, dial in enumerate(dials):
        choice = (dial * grid.quality - (1.0 - dial) * grid.usd / scale).argmax(axis=1)
        if dial == 1.0:
            choice = oracle_choice(grid)
        usd[k] = chosen(grid.usd, choice).mean()
        quality[k] = chosen(grid.quality, choice).mean()
    return usd, quality


def curve_points(grid: Grid, choices: Choices, dials: FloatArray, mixes: Hull) -> tuple[CurvePoint, ...]:
    """Return one point per dial; `choices` has shape (k, n), `mixes` is the hull of the constants."""
    points = []
    for dial, choice in zip(dials.tolist(), choices, strict=True):
        point = _point(grid, "", choice)
        counts = np.bincount(choice, minlength=len(grid.models)) / len(grid)
        shares = dict(zip(grid.models, counts.tolist(), strict=True))
        mix = float(mixes.quality_at(point.usd))
        points.append(CurvePoint(dial, point.usd, point.quality, point.latency_s, mix, shares))
    return tuple(points)


def _point(grid: Grid, name: str, choice: Choices) -> Point:
    usd, quality = chosen(grid.usd, choice).mean(), chosen(grid.quality, choice).mean()
    return Point(name, float(usd), float(quality), _mean(chosen(grid.latency_s, choice)))


def _mean(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
