"""Reliability diagrams: how often answers were good that were forecast to be, a panel per model."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from router_training.judging.evaluation_result import Calibration, Evaluation

COLUMNS = 3
PANEL_INCHES = 2.4
LONGEST_NAME = 24
BLUE, GREY = "#0072B2", "#555555"  # Okabe and Ito's


def reliability_figure(evaluation: Evaluation) -> Figure:
    """Return the figure: forecast across, quality up, 95% error bars, and the diagonal where forecasts hold."""
    models = evaluation.calibration
    columns = min(COLUMNS, max(1, len(models)))
    rows = max(1, math.ceil(len(models) / columns))
    size = (columns * PANEL_INCHES + 0.4, rows * PANEL_INCHES + 0.8)
    figure = Figure(figsize=size, dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for panel in panels[len(models) :]:
        panel.set_visible(False)
    for panel, (name, calibration) in zip(panels, models.items(), strict=False):
        _draw(panel, name, calibration)
    figure.supxlabel("forecast P(success)", fontsize=10)
    figure.supylabel("quality found", fontsize=10)
    return figure


def _draw(panel: Axes, name: str, calibration: Calibration) -> None:
    panel.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1)
    panel.errorbar(
        [one.forecast for one in calibration.bins],
        [one.quality for one in calibration.bins],
        yerr=[1.96 * one.standard_error for one in calibration.bins],
        fmt="o-",
        color=BLUE,
        markersize=3.5,
        linewidth=1.5,
        capsize=2,
    )
    short = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    panel.set_title(f"{short}\nECE {calibration.ece:.3f}".replace("$", r"\$"), fontsize=9)
    panel.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0))
    panel.tick_params(labelsize=8)
    panel.grid(alpha=0.25)
    panel.spines[["top", "right"]].set_visible(False)
