"""The quality benchmark as tables, and the floors that it must reach."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import RenderableType
from rich.table import Table

from tests.benchmarks.quality_figures import POLICY, Figures, Split, best_single, mean_constants

SINGLE = "always "
BY_TASK = ", templates split"


@dataclass(frozen=True, slots=True)
class Floor:
    """A bound on a figure of the policy over all splits: `figure` names a row of FIGURES."""

    figure: str
    bound: float


@dataclass(frozen=True, slots=True)
class Result:
    """A floor with what was measured."""

    floor: Floor
    value: float
    reached: bool

    @property
    def line(self) -> str:
        """The floor, the figure, and whether it was reached."""
        side = "at least" if self.floor.figure in AT_LEAST else "at most"
        bound = f"{self.floor.figure} {side} {self.floor.bound:+.3f}"
        return f"{'reached' if self.reached else 'MISSED'}: {bound}, measured {self.value:+.4f}"


AT_LEAST = ("mean lift", "least lift of any seed")
FIGURES = {
    "mean lift": lambda rows: float(np.mean([row.lift for row in rows])),
    "least lift of any seed": lambda rows: min(row.lift for row in rows),
    "cost at best (median)": lambda rows: float(np.median([row.cost_at_best for row in rows])),
    "mean ECE": lambda rows: float(np.mean([row.ece for row in rows])),
}
ECE = Floor("mean ECE", 0.03)
# A table by its name is split by the first 200 characters, so that the 800 tasks of zeroeval9 that begin with one
# instruction are all learnt from or all judged on; with BY_TASK they are split like any others.
FLOORS: dict[str, tuple[Floor, ...]] = {
    "zeroeval9": (Floor("least lift of any seed", -0.001), ECE),
    "mmlu_pro6": (Floor("mean lift", 0.027), Floor("cost at best (median)", 0.53), ECE),
    "routellm2": (Floor("mean lift", 0.031), Floor("cost at best (median)", 0.90), ECE),
    "starter": (ECE,),
    f"zeroeval9{BY_TASK}": (ECE,),
}


def floor_results(splits: Sequence[Split], floors: Sequence[Floor]) -> list[Result]:
    """Return each floor with the policy's figure."""
    rows = [split.methods[POLICY] for split in splits]
    results = []
    for floor in floors:
        value = FIGURES[floor.figure](rows)
        reached = value >= floor.bound if floor.figure in AT_LEAST else value <= floor.bound
        results.append(Result(floor, value, reached))
    return results


def render(name: str, splits: Sequence[Split], results: Sequence[Result]) -> list[RenderableType]:
    """Return all tables of one outcome table, then its floors line by line."""
    lines = [result.line for result in results]
    return [_constants(name, splits), _methods(name, splits), _models(splits), *lines]


def _constants(name: str, splits: Sequence[Split]) -> Table:
    first = splits[0]
    table = _table(
        f"{name}: {first.n_train:,} tasks to learn from, {first.n_test:,} to be judged on, {len(splits)} seeds",
        "constant",
        ("quality", "USD per 1,000", "best single in", "lift"),
    )
    best = Counter(best_single(split) for split in splits)
    for model, (usd, quality) in mean_constants(splits).items():
        lift = np.mean([split.methods[SINGLE + model].lift for split in splits])
        table.add_row(model, f"{quality:.4f}", f"{1000 * usd:.4f}", f"{best[model]} seeds", f"{lift:+.4f}")
    return table


def _methods(name: str, splits: Sequence[Split]) -> Table:
    columns = ("lift", "least", "most", "cost@best", "AIQ", "ECE", "worst", "by chance", "AUC")
    table = _table(f"{name}: hull lift, beside every baseline", "method", columns)
    for method in splits[0].methods:
        if not method.startswith(SINGLE):
            table.add_row(method, *_cells([split.methods[method] for split in splits]))
    return table


def _cells(rows: Sequence[Figures]) -> list[str]:
    lifts = [row.lift for row in rows]
    cost = float(np.median([row.cost_at_best for row in rows]))
    cells = [f"{np.mean(lifts):+.4f}", f"{min(lifts):+.4f}", f"{max(lifts):+.4f}"]
    cells += ["never" if math.isinf(cost) else f"{cost:.3f}", f"{np.mean([row.aiq for row in rows]):.4f}"]
    if not rows[0].ece:
        return [*cells, "", "", "", ""]
    eces = np.array([row.ece for row in rows]).mean(axis=0)
    chance = np.mean([row.ece_of_chance for row in rows])
    auc = np.nanmean([row.auc for row in rows])
    return [*cells, f"{eces.mean():.3f}", f"{eces.max():.3f}", f"{chance:.3f}", f"{auc:.3f}"]


def _models(splits: Sequence[Split]) -> Table:
    winners = Counter(split.winner for split in splits)
    won = ", ".join(f"{name} in {count}" for name, count in winners.most_common())
    table = _table(f"the policy, model by model (winner: {won})", "model", ("AUC", "ECE"))
    rows = [split.methods[POLICY] for split in splits]
    auc, ece = (np.mean([getattr(row, figure) for row in rows], axis=0) for figure in ("auc", "ece"))
    for model, area, error in zip(splits[0].constants, auc, ece, strict=True):
        table.add_row(model, f"{area:.3f}", f"{error:.3f}")
    return table


def _table(title: str, first: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    return table
