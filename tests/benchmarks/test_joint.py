"""Is looking at answers worth it? The joint model beside every other way to use them; `make bench-quality` prints it.

Settings are chosen on the training part only. Select tables with `-k zeroeval9`, the number of seeds with
POINTSMAN_BENCH_SEEDS.
"""

import json
import os
from dataclasses import dataclass

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from tests.benchmarks.joint_figures import (
    CAPS,
    MIX,
    ORACLE,
    Split,
    fit_case,
    interval,
    judge,
    matched_joint,
    without,
)
from tests.benchmarks.joint_methods import METHODS
from tests.benchmarks.joint_picture import joint_picture
from tests.benchmarks.shared_tables import ROOT, STARTER, prefix_groups, read_catalogue, read_table, split_by

pytestmark = pytest.mark.benchmark

N_SEEDS = int(os.environ.get("POINTSMAN_BENCH_SEEDS", "5"))
RESULTS = ROOT / "runs" / "bench-quality"
BY_PREFIX = ", by the first 200 characters"
JOINT = "joint model"
BUDGET = 0.58
SHARES = (0.2, 0.3, 0.4, 0.5, 0.58, 0.7, 0.85, 1.0, 1.3)


@dataclass(frozen=True, slots=True)
class Goal:
    """What the joint model must reach, and what it did."""

    text: str
    value: float
    reached: bool

    @property
    def line(self) -> str:
        """The goal, the figure, and whether it was reached."""
        return f"{'reached' if self.reached else 'MISSED'}: {self.text}, measured {self.value:+.4f}"


@pytest.mark.parametrize("name", ["zeroeval9", f"zeroeval9{BY_PREFIX}", STARTER])
def test_the_joint_model_beside_every_other_way_to_use_answers(name):
    table = read_table(name.partition(BY_PREFIX)[0])
    catalogue = read_catalogue(STARTER, table) if name == STARTER else None
    groups = prefix_groups(table) if name.endswith(BY_PREFIX) else table.groups
    splits, pools = [], {}
    for seed in range(N_SEEDS):
        train, test = (table.take(part) for part in split_by(groups, seed))
        case, policy = fit_case(train, test, catalogue, seed)
        splits.append(judge(case, policy, test))
        for j, removed in enumerate(policy.models if name == "zeroeval9" else ()):
            pools.setdefault(removed, []).append(matched_joint(without(case, j)))
    console = Console(width=150)
    console.print()
    for part in (_methods(name, splits), _curves(name, splits), _pools(name, splits, pools), *_notes(splits)):
        console.print(part)
    goals = _goals(splits, pools) if name == "zeroeval9" else []
    for goal in goals:
        console.print(goal.line)
    RESULTS.mkdir(parents=True, exist_ok=True)
    figures = {
        method: np.mean([one.curves[method] for one in splits], axis=0).tolist()
        for method in splits[0].curves
    }
    (RESULTS / f"joint-{name}.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    joint_picture(name, len(splits), figures).savefig(RESULTS / f"joint-{name}.png")
    missed = [goal.line for goal in goals if not goal.reached]
    if missed:
        pytest.fail("; ".join(missed), pytrace=False)


def _methods(name: str, splits: list[Split]) -> Table:
    table = Table(
        title=f"{name}, {len(splits)} seeds: quality minus the best single model's, settings chosen in training",
        title_justify="left",
    )
    columns = ("cost share", "gain", "95% interval", "rounds", *(f"cost {cap:g}" for cap in CAPS))
    table.add_column("method", no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right")
    for method in METHODS:
        points = [one.matched[method] for one in splits]
        cells = ["never"] * 4
        if all(point is not None for point in points):
            gain, low, high = interval(splits, points)
            share, rounds = (
                np.mean([getattr(point, figure) for point in points]) for figure in ("share", "rounds")
            )
            cells = [f"{share:.3f}", f"{gain:+.4f}", f"{low:+.4f} to {high:+.4f}", f"{rounds:.2f}"]
        elif any(point is not None for point in points):
            cells[0] = f"in {sum(point is not None for point in points)} seeds"
        table.add_row(method, *cells, *(_capped(splits, method, cap) for cap in CAPS))
    return table


def _capped(splits: list[Split], method: str, cap: float) -> str:
    points = [one.capped[method][cap] for one in splits]
    return f"{np.mean([point.gain.mean() for point in points]):+.4f} @ {np.mean([point.share for point in points]):.2f}"


def _curves(name: str, splits: list[Split]) -> Table:
    """Return what mixes of neighbouring settings come to at a share of the best single model's cost."""
    table = Table(
        title=f"{name}: the same at a cost on the test part, between settings", title_justify="left"
    )
    table.add_column("method", no_wrap=True)
    for share in SHARES:
        table.add_column(f"{share:g}", justify="right")
    for method in (*METHODS, MIX, ORACLE):
        rows = [_at(one.curves[method]) for one in splits]
        table.add_row(
            method, *(f"{gain:+.4f}" if np.isfinite(gain) else "" for gain in np.mean(rows, axis=0))
        )
    return table


def _at(curve: np.ndarray) -> np.ndarray:
    share, gain = curve[:, np.argsort(curve[0])]
    return np.interp(SHARES, share, gain, left=np.nan)


def _pools(name: str, splits: list[Split], pools: dict[str, list]) -> Table | str:
    if not pools:
        return ""
    table = Table(title=f"{name}: pools without one model, matched as above", title_justify="left")
    for column in ("removed", "cost share", "gain", "95% interval"):
        table.add_column(column, justify="left" if column == "removed" else "right")
    for removed, points in pools.items():
        gain, low, high = interval(splits, points)
        share = np.mean([point.share for point in points])
        table.add_row(removed, f"{share:.3f}", f"{gain:+.4f}", f"{low:+.4f} to {high:+.4f}")
    return table


def _notes(splits: list[Split]) -> list[str]:
    gain, low, high = interval(splits, [one.capped[JOINT][BUDGET] for one in splits])
    ece = np.mean([one.ece for one in splits], axis=0)
    per_model = np.mean([one.ece_per_model for one in splits], axis=0)
    trained = np.mean([one.trained_gain for one in splits])
    seconds = {key: np.mean([one.latency[key] for one in splits]) for key in splits[0].latency}
    lines = [
        f"ECE of the combined confidence after 1, 2, 3 answers {', '.join(f'{e:.3f}' for e in ece[:-1])}; of what is "
        f"returned {ece[-1]:.3f}; of each model's answers, the worst {per_model.max():.3f}",
        f"the joint model within a cost of {BUDGET:g}: {gain:+.4f}, 95% interval {low:+.4f} to {high:+.4f}",
        f"the best single model in training comes to {trained:+.4f} of the best in the test part",
    ]
    if seconds:
        lines.append("seconds: " + ", ".join(f"{key} {value:.2f}" for key, value in seconds.items()))
    return lines


def _goals(splits: list[Split], pools: dict[str, list]) -> list[Goal]:
    points = [one.matched[JOINT] for one in splits]
    gain, low, _ = interval(splits, points)
    share = float(np.mean([point.share for point in points]))
    capped = [one.capped[JOINT][BUDGET] for one in splits]
    within, within_low, _ = interval(splits, capped)
    spent = float(np.mean([point.share for point in capped]))
    full = float(np.mean([one.capped[JOINT][1.0].gain.mean() - one.trained_gain for one in splits]))
    ece = np.mean([one.ece for one in splits], axis=0)
    per_model = float(np.mean([one.ece_per_model for one in splits], axis=0).max())
    worst = min(float(np.mean([point.gain.mean() for point in points])) for points in pools.values())
    return [
        Goal("mean gain over the best single model at least 0", gain, gain >= 0.0),
        Goal("its 95% interval above -0.006", low, low > -0.006),
        Goal(f"at a cost share of at most {BUDGET:g}", share, share <= BUDGET),
        Goal(f"as good as a budget of {BUDGET:g} buys, mean gain at least 0", within, within >= 0.0),
        Goal("the 95% interval of that above -0.006", within_low, within_low > -0.006),
        Goal(f"that at a cost share of at most {BUDGET:g}", spent, spent <= BUDGET),
        Goal(
            "at cost 1.0, gain over the single model chosen in training at least 0.012", full, full >= 0.012
        ),
        Goal("without any one model, gain at least -0.005", worst, worst >= -0.005),
        Goal("ECE of the combined confidence at most 0.03", float(ece.max()), ece.max() <= 0.03),
        Goal("ECE of each model at most 0.06", per_model, per_model <= 0.06),
    ]
