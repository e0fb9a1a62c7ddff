"""An evaluation as a picture for managers and as tables for engineers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from router_training.judging.bootstrap import Interval
from router_training.judging.curves import Hull
from router_training.judging.evaluation_result import Evaluation

TABLE_DIALS = (0.0, 0.25, 0.5, 0.8, 0.9, 0.95, 1.0)


def draw_curve(evaluation: Evaluation, path: str | Path) -> None:
    """Write the cost-quality picture; the suffix of `path` says the format (.png, .svg, .pdf)."""
    from router_training.judging.curve_figure import curve_figure  # spares serving matplotlib, 0.5 s

    curve_figure(evaluation).savefig(Path(path))


def draw_reliability(evaluation: Evaluation, path: str | Path) -> None:
    """Write the reliability diagrams, a panel per model; the suffix of `path` says the format."""
    from router_training.judging.reliability_figure import (
        reliability_figure,
    )  # spares serving matplotlib, 0.5 s

    reliability_figure(evaluation).savefig(Path(path))


def render_table(evaluation: Evaluation) -> Table:
    """Return one row per way to choose, with the headline figures as caption."""
    table = Table(
        title=f"Quality and cost on {evaluation.n_tasks:,} held-out tasks",
        title_justify="left",
        caption=escape("\n".join(headline_figures(evaluation))),
        caption_justify="left",
    )
    table.add_column("who answers", overflow="fold")
    for name in ("quality", "USD per 1,000", "cost vs best", "mix at that cost", "seconds"):
        table.add_column(name, justify="right")
    for point in sorted(evaluation.constants, key=lambda point: point.usd):
        known = {evaluation.cheapest.name: "cheapest", evaluation.best.name: "best"}
        mark = f" ({known[point.name]})" if point.name in known else ""
        table.add_row(
            escape(f"always {point.name}{mark}"),
            *_cells(evaluation, point.usd, point.quality, point.latency_s),
        )
    table.add_section()
    nearest = {min(evaluation.curve, key=lambda point: abs(point.dial - dial)).dial for dial in TABLE_DIALS}
    for step in evaluation.curve:
        if step.dial in nearest:
            style = "bold" if step.dial == evaluation.operating.point.dial else None
            cells = _cells(evaluation, step.usd, step.quality, step.latency_s)
            table.add_row(f"router, dial {step.dial:.2f}", *cells, style=style)
    table.add_section()
    for twin in evaluation.twin_curve or ():
        if twin.dial == evaluation.operating.point.dial:
            cells = _cells(evaluation, twin.usd, twin.quality, twin.latency_s)
            table.add_row(f"labels shuffled, dial {twin.dial:.2f}", *cells)
    for control in (evaluation.random, evaluation.oracle):
        table.add_row(control.name, *_cells(evaluation, control.usd, control.quality, control.latency_s))
    return table


def render_slices(evaluation: Evaluation) -> Table:
    """Return one row per task type, or per source where there are no types, the largest first; small ones are dim."""
    kind = evaluation.slices[0].kind if evaluation.slices else "task type"
    table = Table(title=f"By {kind}, dial {evaluation.operating.point.dial:.2f}", title_justify="left")
    table.add_column(kind, overflow="fold")
    best = f"{escape(evaluation.best.name)} quality"
    for name in ("tasks", "router quality", best, "mix at its cost", "router cost share"):
        table.add_column(name, justify="right")
    for part in (part for part in evaluation.slices if part.kind == kind):
        share = part.usd / part.best_constant_usd if part.best_constant_usd > 0 else math.nan
        qualities = (part.quality, part.best_constant_quality, part.mix_quality)
        row = (f"{part.n:,}", *(f"{quality:.3f}" for quality in qualities), _percent(share))
        table.add_row(escape(part.name), *row, style="dim" if part.small else None)
    return table


def render_candidates(metadata: Mapping[str, Any]) -> Table:
    """Return one row per success model that was tried, from a policy's metadata; the winner is bold."""
    table = Table(title="Success models, cross-validated on the training part", title_justify="left")
    table.add_column("candidate", overflow="fold")
    for name in ("lift", "gain over constant", "Brier", "ECE", "AUC"):
        table.add_column(name, justify="right")
    for row in metadata.get("candidates", ()):
        won = row["candidate"] == metadata.get("winner")
        figures = (
            _number(row["lift"], "+.3f"),
            f"{_number(row['gain'], '+.3f')} ± {_number(row['gain_se'], '.3f')}",
        )
        scores = (_number(row[name], ".3f") for name in ("brier", "ece", "auc"))
        name = escape(row["candidate"]) + (" (chosen)" if won else "")
        table.add_row(name, *figures, *scores, style="bold" if won else None)
    return table


def headline_figures(evaluation: Evaluation) -> list[str]:
    """Return the figures behind the verdict, a line each."""
    lines = [f"hull lift over mixes of single models {_signed(evaluation.lift)}"]
    if evaluation.twin_lift is not None and evaluation.learned_lift is not None:
        lines[-1] += f"; with labels shuffled {_signed(evaluation.twin_lift)}"
        lines.append(
            f"lift beyond shuffled labels {_signed(evaluation.learned_lift)}; oracle {evaluation.oracle_lift:+.3f}"
        )
    lines.append(
        f"AIQ {evaluation.aiq.value:.3f} (mixes {evaluation.constants_aiq:.3f}); "
        f"cost at the quality of {evaluation.best.name}: {_shares(evaluation.cost_at_best)}"
    )
    if evaluation.calibration:
        errors = [calibration.ece for calibration in evaluation.calibration.values()]
        lines.append(f"calibration error per model (ECE) {min(errors):.3f} to {max(errors):.3f}")
    if evaluation.n_left_out:
        lines.append(f"{evaluation.n_left_out:,} tasks left out: not every model has quality and cost there")
    lines.append(f"intervals: 95%, {evaluation.n_boot:,} paired resamples of tasks")
    return lines


def _cells(evaluation: Evaluation, usd: float, quality: float, latency_s: float) -> tuple[str, ...]:
    mixes = Hull(*zip(*evaluation.mixes, strict=True))
    share = usd / evaluation.best.usd if evaluation.best.usd > 0 else math.nan
    seconds = f"{latency_s:.2f}" if math.isfinite(latency_s) else "–"
    return (
        f"{quality:.3f}",
        f"{usd * 1000:.4g}",
        _percent(share),
        f"{float(mixes.quality_at(usd)):.3f}",
        seconds,
    )


def _percent(share: float) -> str:
    return f"{share:.0%}" if math.isfinite(share) else "–"


def _signed(interval: Interval) -> str:
    if math.isnan(interval.low):
        return f"{interval.value:+.3f}"
    return f"{interval.value:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def _shares(interval: Interval) -> str:
    value, low, high = (
        f"{share:.0%}" if math.isfinite(share) else "never"
        for share in (interval.value, interval.low, interval.high)
    )
    return value if math.isnan(interval.low) else f"{value} [{low}, {high}]"


def _number(value: float | None, form: str) -> str:
    """Format a figure; NaN, and None as JSON keeps it, are unknown."""
    return "–" if value is None or math.isnan(value) else format(value, form)
