"""The same figures for parts of the tasks: one slice per task type and per source, always with controls and n."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray
from router_training.judging.bootstrap import Interval
from router_training.judging.controls import Grid, oracle_choice
from router_training.judging.curves import Choices, chosen, upper_hull

SMALL_SLICE = 30  # with fewer tasks a figure is mostly chance
TWO_SIDED_95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Slice:
    """The tasks of one type or source at the operating dial, beside the models that are best and cheapest over all tasks.

    `kind` is "task type" or "source". `gain_over_best` is paired. `constant_qualities` are those of every single
    model, in the grid's order; `mix_quality` is what the best mix of them reaches at the router's cost, chosen in
    hindsight for these very tasks. `twin_quality` is None where there is no twin.
    """

    kind: str
    name: str
    n: int
    usd: float
    quality: float
    best_constant_usd: float
    best_constant_quality: float
    gain_over_best: Interval
    cheapest_quality: float
    mix_quality: float
    constant_qualities: tuple[float, ...]
    random_quality: float
    oracle_quality: float
    twin_quality: float | None = None

    @property
    def small(self) -> bool:
        """Whether there are too few tasks to read much into the figures."""
        return self.n < SMALL_SLICE


def slices_of(
    grid: Grid, choice: Choices, best: int, cheapest: int, twin_choice: Choices | None = None
) -> tuple[Slice, ...]:
    """Return the slices by task type, then by source, the largest first; none of a kind that no task has.

    Args:
        grid: outcomes of n tasks and m models.
        choice: position of the chosen model, shape (n,).
        best: position of the constant that is best over all tasks.
        cheapest: position of the cheapest one.
        twin_choice: what the shuffled twin chooses, shape (n,).
    """
    figures = {
        "usd": chosen(grid.usd, choice),
        "quality": chosen(grid.quality, choice),
        "best_constant_usd": grid.usd[:, best],
        "best_constant_quality": grid.quality[:, best],
        "cheapest_quality": grid.quality[:, cheapest],
        "random_quality": grid.quality.mean(axis=1),
        "oracle_quality": chosen(grid.quality, oracle_choice(grid)),
    }
    if twin_choice is not None:
        figures["twin_quality"] = chosen(grid.quality, twin_choice)
    by_type = _of_kind("task type", "(no type)", grid.task_types, grid, figures)
    return (*by_type, *_of_kind("source", "(no source)", grid.sources, grid, figures))


def _of_kind(
    kind: str, absent: str, names: Iterable[str | None], grid: Grid, figures: dict[str, FloatArray]
) -> list[Slice]:
    known = list(names)
    if not any(known):
        return []
    labels = np.array([name or absent for name in known], dtype=object)
    found = [_slice(kind, name, labels == name, grid, figures) for name in dict.fromkeys(labels.tolist())]
    return sorted(found, key=lambda part: (-part.n, part.name))


def _slice(
    kind: str, name: str, rows: NDArray[np.bool_], grid: Grid, figures: dict[str, FloatArray]
) -> Slice:
    means = {key: float(values[rows].mean()) for key, values in figures.items()}
    difference = figures["quality"][rows] - figures["best_constant_quality"][rows]
    constants = grid.quality[rows].mean(axis=0)
    return Slice(
        kind,
        name,
        int(rows.sum()),
        gain_over_best=mean_interval(difference),
        mix_quality=float(upper_hull(grid.usd[rows].mean(axis=0), constants).quality_at(means["usd"])),
        constant_qualities=tuple(constants.tolist()),
        **means,
    )


def mean_interval(differences: FloatArray) -> Interval:
    """Return the mean of paired differences (n,) with its 95 % interval by the central limit theorem.

    Mean ± 1.96 s / sqrt(n), s with n - 1 (Student, "The probable error of a mean", 1908, for large n); unknown for n = 1.
    """
    n, value = len(differences), float(differences.mean())
    if n < 2:
        return Interval(value, np.nan, np.nan)
    half = TWO_SIDED_95 * float(differences.std(ddof=1)) / np.sqrt(n)
    return Interval(value, value - half, value + half)
