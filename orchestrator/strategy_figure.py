"""One picture of strategies and constants: quality against cost, and quality against seconds."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from orchestrator.strategy_report import Row, StrategyReport
from router_training.contract import FloatArray
from router_training.judging.curve_figure import plain
from router_training.judging.curves import upper_hull
from router_training.judging.label_layout import Box, place_labels

PER = 1000.0  # costs are shown for so many tasks
NARROW = 3.0  # a smaller range needs no log axis
CONSTANT, STRATEGY = "#555555", "#0072B2"


def strategy_figure(found: StrategyReport) -> Figure:
    """Return the figure, 12 by 5.4 inches; the right half is left out where no latency was recorded."""
    timed = any(row.latency_s > 0.0 for row in found.rows)
    figure = Figure(figsize=(12.0 if timed else 7.2, 5.4), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"Strategies beside single models, {found.n_tasks:,} held-out tasks", fontsize=14)
    panels = figure.subplots(1, 1 + timed, sharey=True, squeeze=False)[0]
    cost = [row.usd * PER for row in found.rows]
    _draw(panels[0], found.rows, cost, "cost of 1,000 tasks in USD")
    singles = [row for row in found.rows if row.is_constant]
    mixes = upper_hull(np.array([row.usd for row in singles]), np.array([row.quality for row in singles]))
    usd = np.linspace(mixes.usd[0], mixes.usd[-1], 400)
    panels[0].plot(usd * PER, mixes.quality_at(usd), "--", color=CONSTANT, label="mixes of single models")
    panels[0].set_ylabel("quality", fontsize=12)
    panels[0].yaxis.set_major_formatter(FuncFormatter(lambda quality, _: f"{100.0 * quality:.4g}%"))
    seconds = [row.latency_s for row in found.rows]
    if timed:
        _draw(panels[1], found.rows, seconds, "mean seconds of a request")
    panels[0].legend(loc="lower right", frameon=False)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    line = np.column_stack([usd * PER, mixes.quality_at(usd)])
    for axes, x, drawn in zip(panels, (cost, seconds), (line, line[:0]), strict=False):
        _write_names(axes, found.rows, x, drawn)
    return figure


def _draw(axes: Axes, rows: tuple[Row, ...], x: list[float], label: str) -> None:
    for wanted, mark, colour, name in (
        (True, "s", CONSTANT, "single model"),
        (False, "o", STRATEGY, "strategy"),
    ):
        at = [i for i, row in enumerate(rows) if row.is_constant is wanted]
        axes.plot(
            [x[i] for i in at], [rows[i].quality for i in at], mark, color=colour, markersize=8, label=name
        )
    if min(x) > 0.0 and max(x) > NARROW * min(x):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.margins(0.12)
    axes.set_xlabel(label, fontsize=12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)


def _write_names(axes: Axes, rows: tuple[Row, ...], x: list[float], line: FloatArray) -> None:
    """Write each name where it covers no other, nor a point or the line (k, 2)."""
    names = [plain(row.name.removeprefix("always ")) for row in rows]
    texts = [axes.text(0, 0, name, fontsize=9, va="bottom") for name in names]
    extents = [text.get_window_extent() for text in texts]
    sizes = np.array([(extent.width, extent.height) for extent in extents])
    anchors = axes.transData.transform(np.array([(a, row.quality) for a, row in zip(x, rows, strict=True)]))
    frame = axes.get_window_extent()
    obstacles = np.concatenate([anchors, axes.transData.transform(line)])
    boxes = place_labels(anchors, sizes, obstacles, Box(frame.x0, frame.y0, frame.x1, frame.y1))
    for text, row, box in zip(texts, rows, boxes, strict=True):
        text.set_position(tuple(axes.transData.inverted().transform((box.left, box.bottom))))
        text.set_color(CONSTANT if row.is_constant else STRATEGY)
