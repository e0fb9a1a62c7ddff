"""One picture of what looking at answers adds: quality against cost, by the prompt alone and with answers compared."""

from __future__ import annotations

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from router_training.judging.curve_figure import MIXES, NARROW, ORACLE, PER, ROUTER, Ink, plain
from router_training.judging.curves import Hull
from router_training.judging.joint_evaluation import Corners, JointEvaluation

JOINT = Ink("answers compared", "#D55E00", 3.2, "-", 3.2)
PROMPT = Ink("by the prompt alone", ROUTER.colour, 2.2, "-", 3.0)


def joint_figure(found: JointEvaluation) -> Figure:
    """Return the figure, 7.2 by 5.2 inches."""
    figure = Figure(figsize=(7.2, 5.2), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(headline(found), fontsize=12.5, fontweight="bold", x=0.01, ha="left")
    axes = figure.add_subplot()
    usd = [*(point.usd for point in found.constants), *(point.usd for point in found.curve)]
    low, high = min(usd) * PER, max(usd) * PER
    hulls = {MIXES: found.mixes, ORACLE: found.oracle_hull, PROMPT: found.prompt_hull, JOINT: found.hull}
    for ink, corners in hulls.items():
        x, y = _samples(corners, low, high)
        axes.plot(
            x,
            y,
            color=ink.colour,
            linewidth=ink.width,
            linestyle=ink.dashes,
            label=ink.label,
            zorder=ink.order,
        )
    axes.plot(
        [point.usd * PER for point in found.constants],
        [point.quality for point in found.constants],
        "s",
        color="black",
        markersize=7,
        zorder=4,
        label="single model",
    )
    for point in found.constants:
        at = (point.usd * PER, point.quality)
        axes.annotate(
            plain(point.name), at, xytext=(5, -11), textcoords="offset points", fontsize=8.5, zorder=5
        )
    if low > 0.0 and high > NARROW * low:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda cost, _: f"{cost:g}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda quality, _: f"{100.0 * quality:.4g}%"))
    axes.set_xlabel("cost of 1,000 tasks in USD", fontsize=13)
    axes.set_ylabel("quality", fontsize=13)
    axes.tick_params(labelsize=12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    span = f"({found.added_lift.low:+.3f} to {found.added_lift.high:+.3f})"
    axes.set_title(
        f"lift added to the prompt's {found.added_lift.value:+.3f} {span}, {found.n_tasks:,} held-out tasks",
        fontsize=10.5,
        loc="left",
    )
    figure.legend(loc="outside lower center", ncols=3, fontsize=12, frameon=False, columnspacing=1.5)
    return figure


def headline(found: JointEvaluation) -> str:
    """Return the picture's title; it claims only what the whole interval bears out."""
    if not found.added_lift.low > 0.0:
        return "No evidence that comparing answers beats routing by the prompt"
    if found.cost_at_best.high < 1.0:
        return f"Answers compared: the best model's quality at {found.cost_at_best.value:.0%} of its cost"
    return f"Comparing answers adds {found.added_lift.value:+.3f} to routing by the prompt"


def _samples(corners: Corners, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Return points of a hull between two costs; straight mixes are bent by a log axis."""
    hull = Hull(tuple(usd * PER for usd, _ in corners), tuple(quality for _, quality in corners))
    usd = np.geomspace(low, high, 400) if low > 0.0 else np.linspace(low, high, 400)
    usd = np.unique(np.concatenate([usd, hull.usd]))
    usd = usd[(usd >= max(low, hull.usd[0])) & (usd <= high)]
    return usd, hull.quality_at(usd)
