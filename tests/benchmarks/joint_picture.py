"""The joint benchmark's picture: what each way to use answers comes to at a share of the best single model's cost."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

INKS = {
    "joint model": ("#D55E00", "-", 3.0),
    "prompt-only router": ("#0072B2", "-", 2.2),
    "plain agreement cascade": ("#009E73", "--", 1.6),
    "FrugalGPT-style cascade": ("#CC79A7", ":", 1.8),
    "cost-matched mix of constants": ("#555555", "--", 1.2),
}
CHEAPEST, DEAREST = 0.2, 1.5


def joint_picture(name: str, n_seeds: int, figures: Mapping[str, Sequence[Sequence[float]]]) -> Figure:
    """Return the figure, 7.2 by 4.8 inches; `figures` hold cost shares and gains, a pair of rows per method."""
    figure = Figure(figsize=(7.2, 4.8), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for method, (colour, dashes, width) in INKS.items():
        share, gain = np.array(figures[method])
        order = np.argsort(share)
        shares = np.linspace(CHEAPEST, min(DEAREST, float(share.max())), 200)
        gains = np.interp(shares, share[order], 100.0 * gain[order])
        axes.plot(shares, gains, color=colour, linestyle=dashes, linewidth=width, label=method)
    axes.axhline(0.0, color="black", linewidth=0.8)
    axes.plot([1.0], [0.0], "s", color="black", markersize=7, label="best single model")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("cost, of the best single model's", fontsize=13)
    axes.set_ylabel("quality, points above it", fontsize=13)
    axes.set_title(f"{name}, held-out tasks, mean of {n_seeds} splits", fontsize=12, loc="left")
    axes.tick_params(labelsize=12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    figure.legend(loc="outside lower center", ncols=2, fontsize=11, frameon=False)
    return figure
