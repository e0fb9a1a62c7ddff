"""The cost-quality picture: router, constants and their mixes, twin and oracle on one log-cost axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from matplotlib.transforms import Bbox

from router_training.contract import FloatArray
from router_training.judging.curves import Hull
from router_training.judging.evaluation_result import Evaluation
from router_training.judging.label_layout import Box, leader, place_labels

PER = 1000.0  # costs are shown for so many tasks
NARROW = 3.0  # a smaller range of costs needs no log axis


@dataclass(frozen=True, slots=True)
class Ink:
    """How one line is drawn; colours are Okabe and Ito's, told apart by all common colour vision."""

    label: str
    colour: str
    width: float
    dashes: str
    order: float


MIXES = Ink("best mix of models", "#555555", 1.8, "--", 2.0)
TWIN = Ink("shuffled labels", "#D55E00", 1.8, "-.", 3.2)
ORACLE = Ink("oracle", "#009E73", 1.8, ":", 2.0)
ROUTER = Ink("router", "#0072B2", 3.2, "-", 3.0)


def curve_figure(evaluation: Evaluation) -> Figure:
    """Return the figure, 7.2 by 5.2 inches; its text can be read at half that width."""
    figure = Figure(figsize=(7.2, 5.2), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(headline(evaluation), fontsize=15, fontweight="bold", x=0.01, ha="left")
    axes = figure.add_subplot()
    low, high = _cost_range(evaluation)
    hulls = {ROUTER: evaluation.hull, TWIN: evaluation.twin_hull, MIXES: evaluation.mixes}
    hulls[ORACLE] = evaluation.oracle_hull
    lines = [
        _draw_hull(axes, ink, corners, low, high) for ink, corners in hulls.items() if corners is not None
    ]
    _draw_points(axes, evaluation)
    _dress(axes, evaluation, low, high)
    figure.legend(loc="outside lower center", ncols=3, fontsize=12, frameon=False, columnspacing=1.5)
    arrow = _draw_saving(axes, evaluation)
    _write_names(figure, axes, evaluation, np.concatenate([*lines, arrow]))
    return figure


def headline(evaluation: Evaluation) -> str:
    """Return the picture's title; it claims only what the whole interval bears out."""
    lift, share, learned = evaluation.lift, evaluation.cost_at_best, evaluation.learned_lift
    if lift.high < 0.0:
        return "Routing loses to a mix of single models here"
    if not lift.low > 0.0:
        return "No evidence that routing beats a mix of single models"
    if learned is not None and not learned.low > 0.0:
        return f"Routing adds {lift.value:+.3f} quality, but so do shuffled labels"
    if share.high < 1.0:
        return f"The best single model's quality at {share.value:.0%} of its cost"
    return f"Routing adds {lift.value:+.3f} quality over any mix of models"


def subtitle(evaluation: Evaluation) -> str:
    """Return the line under the title: what the title claims, with its 95% interval, and on how many tasks."""
    lift, share = evaluation.lift, evaluation.cost_at_best
    span = "" if math.isnan(lift.low) else f" ({lift.low:+.3f} to {lift.high:+.3f})"
    text = f"lift over mixes {lift.value:+.3f}{span}, {evaluation.n_tasks:,} held-out tasks"
    if not share.high < 1.0:
        return f"95%: {text}" if span else text
    return f"95%: {share.low:.0%} to {share.high:.0%}; {text}"


def _cost_range(evaluation: Evaluation) -> tuple[float, float]:
    usd = [point.usd for point in evaluation.constants] + [point.usd for point in evaluation.curve]
    return min(usd) * PER, max(usd) * PER


def _draw_hull(
    axes: Axes, ink: Ink, corners: tuple[tuple[float, float], ...], low: float, high: float
) -> FloatArray:
    """Draw a hull and return samples of it, shape (k, 2); straight mixes are bent by the log axis."""
    hull = Hull(tuple(usd * PER for usd, _ in corners), tuple(quality for _, quality in corners))
    usd = np.linspace(0.0, 1.0, 400)
    usd = low * (high / low) ** usd if low > 0.0 else low + (high - low) * usd
    usd = np.unique(np.concatenate([usd, hull.usd]))
    usd = usd[(usd >= max(low, hull.usd[0])) & (usd <= high)]
    axes.plot(
        usd,
        hull.quality_at(usd),
        color=ink.colour,
        linewidth=ink.width,
        linestyle=ink.dashes,
        label=ink.label,
        zorder=ink.order,
    )
    return np.column_stack([usd, hull.quality_at(usd)])


def _draw_points(axes: Axes, evaluation: Evaluation) -> None:
    swept, now = evaluation.curve, evaluation.operating.point
    usd, quality = [point.usd * PER for point in swept], [point.quality for point in swept]
    axes.plot(usd, quality, "o", color=ROUTER.colour, markersize=3.5, zorder=3.5)
    usd = [point.usd * PER for point in evaluation.constants]
    quality = [point.quality for point in evaluation.constants]
    axes.plot(usd, quality, "s", color="black", markersize=7, zorder=4, label="single model")
    axes.scatter(
        [now.usd * PER],
        [now.quality],
        s=170,
        facecolors="none",
        edgecolors=ROUTER.colour,
        linewidths=2,
        zorder=4.5,
    )


def _dress(axes: Axes, evaluation: Evaluation, low: float, high: float) -> None:
    if low > 0.0 and high > NARROW * low:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if high > 1000.0 * low else (1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlim(low / (high / low) ** 0.06, high * (high / low) ** 0.06)
    axes.margins(y=0.08)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda usd, _: f"{usd:g}"))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda quality, _: f"{100.0 * quality:.4g}%"))
    axes.tick_params(labelsize=12)
    axes.set_xlabel("cost of 1,000 tasks in USD", fontsize=13)
    axes.set_ylabel("quality", fontsize=13)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_title(subtitle(evaluation), fontsize=10.5, loc="left")


def _draw_saving(axes: Axes, evaluation: Evaluation) -> FloatArray:
    """Draw an arrow from the best constant to the router's hull at the same quality; return samples of it."""
    share = evaluation.cost_at_best.value
    if not share < 0.995 or not evaluation.lift.low > 0.0 or evaluation.best.usd <= 0.0:
        return np.empty((0, 2))
    quality, usd = evaluation.best.quality, evaluation.best.usd * PER
    arrow = {"arrowstyle": "-|>", "color": "black", "linewidth": 1.5, "shrinkB": 0.0, "shrinkA": 6.0}
    axes.annotate("", xy=(usd * share, quality), xytext=(usd, quality), arrowprops=arrow, zorder=5)
    return np.column_stack([np.linspace(usd * share, usd, 40), np.full(40, quality)])


def _names(evaluation: Evaluation) -> list[tuple[str, float, float]]:
    """Return what is written beside which point: (text, usd, quality), the most important first."""
    share, best, now = evaluation.cost_at_best.value, evaluation.best, evaluation.operating.point
    names = [(point.name, point.usd, point.quality) for point in evaluation.constants]
    if share < 0.995 and evaluation.lift.low > 0.0 and best.usd > 0.0:
        names.append((f"−{1.0 - share:.0%} cost", math.sqrt(share) * best.usd, best.quality))
    return [*names, (f"dial {now.dial:g}", now.usd, now.quality)]


def _write_names(figure: Figure, axes: Axes, evaluation: Evaluation, lines: FloatArray) -> None:
    """Write each name where it covers nothing, with a thin line to its point where that is not near."""
    names = _names(evaluation)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    points = np.array([(usd * PER, quality) for _, usd, quality in names])
    texts = [axes.text(0, 0, plain(name), fontsize=11.5, zorder=6, va="bottom") for name, _, _ in names]
    extents = [text.get_window_extent() for text in texts]
    sizes = np.array([(extent.width, extent.height) for extent in extents])
    anchors = axes.transData.transform(points)
    boxes = place_labels(anchors, sizes, axes.transData.transform(lines), _box(axes.get_window_extent()))
    models = {point.name for point in evaluation.constants}
    for (name, _, _), text, box, anchor in zip(names, texts, boxes, anchors, strict=True):
        text.set_position(tuple(axes.transData.inverted().transform((box.left, box.bottom))))
        if name in models and box.distance(anchor) > 1.1 * (box.top - box.bottom):
            line = axes.transData.inverted().transform(leader(box, anchor))
            axes.plot(line[:, 0], line[:, 1], color="black", linewidth=0.7, zorder=3.9)


def _box(extent: Bbox) -> Box:
    return Box(extent.x0, extent.y0, extent.x1, extent.y1)


def plain(text: str) -> str:
    """Escape what matplotlib would read as mathematics."""
    return text.replace("$", r"\$")
