"""Strategies beside the constants on the same tasks: figures with intervals, a table and one picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.markup import escape
from rich.table import Table

from orchestrator.replay import Recordings, Replayed
from router_training.contract import FloatArray, UsageError
from router_training.judging.bootstrap import Interval, percentile_interval, resampled_means
from router_training.judging.curves import best_constant, share_of, upper_hull


@dataclass(frozen=True, slots=True)
class Row:
    """Means per task of one way to answer; the intervals, 95 %, are paired with the best constant and the mixes."""

    name: str
    is_constant: bool
    quality: float
    usd: float
    latency_s: float
    latency_high_s: float
    calls: float
    gain_over_best: Interval
    cost_share_of_best: Interval
    gain_over_mix: Interval


@dataclass(frozen=True)
class StrategyReport:
    """One row per constant and strategy, judged on the same `n_tasks` tasks; `best` names the best constant."""

    n_tasks: int
    n_left_out: int
    dial: float
    deadline_s: float | None
    best: str
    rows: tuple[Row, ...]


def constants(recordings: Recordings) -> list[Replayed]:
    """Return what always asking one model comes to, for every model."""
    found = []
    for j, name in enumerate(recordings.policy.models):
        made = [attempts[name] for attempts in recordings.attempts]
        usd, latency_s = (np.array([getattr(one, key) for one in made]) for key in ("usd", "latency_s"))
        found.append(Replayed(f"always {name}", usd, recordings.quality[:, j], latency_s, np.ones(len(made))))
    return found


def report(
    recordings: Recordings,
    replayed: Sequence[Replayed],
    *,
    dial: float,
    deadline_s: float | None = None,
    n_boot: int = 1000,
    seed: int = 0,
) -> StrategyReport:
    """Judge replayed strategies; on every resample of the tasks the best constant and the mixes are found anew."""
    singles = constants(recordings)
    ways = [*singles, *replayed]
    usd, quality = np.array([way.usd for way in ways]).T, np.array([way.quality for way in ways]).T
    found = _paired(usd.mean(axis=0), quality.mean(axis=0), len(singles))
    columns, rng = np.concatenate([usd, quality], axis=1), np.random.default_rng(seed)
    resamples = np.array(
        [
            _paired(means[: len(ways)], means[len(ways) :], len(singles))
            for means in resampled_means(columns, n_boot, rng)
        ]
    )
    rows = []
    for k, way in enumerate(ways):
        intervals = [percentile_interval(found[i, k], resamples[:, i, k]) for i in range(3)]
        seconds = (float(way.latency_s.mean()), float(np.quantile(way.latency_s, 0.95)))
        means = (float(way.quality.mean()), float(way.usd.mean()), *seconds, float(way.calls.mean()))
        rows.append(Row(way.name, k < len(singles), *means, *intervals))
    m = len(singles)
    best = ways[best_constant(usd.mean(axis=0)[:m], quality.mean(axis=0)[:m])].name
    return StrategyReport(len(recordings), recordings.n_left_out, dial, deadline_s, best, tuple(rows))


def _paired(usd: FloatArray, quality: FloatArray, m: int) -> FloatArray:
    """Return (gain over the best constant, share of its cost, gain over the mix of equal cost), shape (3, k)."""
    best = best_constant(usd[:m], quality[:m])
    mixes = upper_hull(usd[:m], quality[:m])
    share = np.array([share_of(float(one), float(usd[best])) for one in usd])
    return np.stack([quality - quality[best], share, quality - np.asarray(mixes.quality_at(usd))])


def render_strategies(found: StrategyReport) -> Table:
    """Return one row per way to answer, cheapest constant first, then the strategies in the order given."""
    limit = "" if found.deadline_s is None else f", deadline {found.deadline_s:g} s"
    left_out = f" {found.n_left_out:,} tasks left out: some answer is missing." if found.n_left_out else ""
    table = Table(
        title=f"Strategies on {found.n_tasks:,} held-out tasks, dial {found.dial:g}{limit}",
        title_justify="left",
        caption=f"cost: share of what {escape(found.best)} costs, the best constant; over mix: quality above the mix of "
        f"constants that costs as much, with its 95% interval, bold where all of it is above 0; seconds: mean and 95% "
        f"quantile of the recorded calls.{left_out}",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=0,
        collapse_padding=True,
    )
    table.add_column("who answers", overflow="fold")
    for name in ("quality", "$/1,000", "cost", "over mix", "calls", "seconds", "95%"):
        table.add_column(name, justify="right")
    singles = sorted((row for row in found.rows if row.is_constant), key=lambda row: row.usd)
    for row in singles:
        table.add_row(*_cells(row))
    table.add_section()
    for row in found.rows:
        if not row.is_constant:
            table.add_row(*_cells(row), style="bold" if row.gain_over_mix.low > 0.0 else None)
    return table


def _cells(row: Row) -> tuple[str, ...]:
    return (
        escape(row.name.replace("(", "\n(", 1).replace("always ", "always\n")),
        f"{row.quality:.3f}",
        f"{row.usd * 1000:.3g}",
        f"{row.cost_share_of_best.value:.0%}",
        "" if row.is_constant else _signed(row.gain_over_mix),
        f"{row.calls:.2f}",
        f"{row.latency_s:.2f}" if row.latency_s else "–",
        f"{row.latency_high_s:.2f}" if row.latency_high_s else "–",
    )


def _signed(interval: Interval) -> str:
    return f"{interval.value:+.3f}\n\\[{interval.low:+.3f}, {interval.high:+.3f}]"


def write_strategies(found: StrategyReport, folder: Path) -> None:
    """Write strategies.json and strategies.png.

    Raises:
        UsageError: if the folder cannot be written.
    """
    from orchestrator.strategy_figure import strategy_figure  # spares matplotlib, 0.5 s

    try:
        folder.mkdir(parents=True, exist_ok=True)
        content: dict[str, Any] = asdict(found)
        text = json.dumps(content, indent=1, ensure_ascii=False)
        (folder / "strategies.json").write_text(text, encoding="utf-8")
        strategy_figure(found).savefig(folder / "strategies.png")
    except OSError as error:
        raise UsageError(f"{folder} cannot be written ({error.strerror}); name another folder") from error
