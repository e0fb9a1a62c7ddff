"""What looking at answers adds to routing by the prompt alone, on tasks that chose nothing."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from router_training.answer_model import AnswerModel
from router_training.calibration import expected_calibration_error
from router_training.contract import FloatArray
from router_training.joint.grids import held_out_grid
from router_training.joint.plans import PRICES
from router_training.joint.playing import Played, play
from router_training.joint_model import JointModel
from router_training.judging.bootstrap import Interval, percentile_interval, resampled_means
from router_training.judging.controls import Grid, Point, constants, oracle_curve
from router_training.judging.curves import (
    best_constant,
    chosen,
    cost_at_best,
    hull_lift,
    router_hull,
    upper_hull,
)
from router_training.outcomes import OutcomeTable
from router_training.policy import Policy

Corners = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class JointPoint:
    """Means per task at one dial: USD, quality, calls, and seconds (NaN where unknown), two calls at once included."""

    dial: float
    usd: float
    quality: float
    calls: float
    latency_s: float


@dataclass(frozen=True)
class JointEvaluation:
    """The joint model beside routing by the prompt alone, constants and the oracle, on the same tasks.

    Hulls are corners (USD, quality). `added_lift` is by how much the hull lift exceeds that of the prompt alone;
    `cost_at_best` is a share of the best constant's cost, infinity for never. `ece` is the calibration error of the
    confidence in what is returned, over all dials.
    """

    n_tasks: int
    curve: tuple[JointPoint, ...]
    hull: Corners
    prompt_hull: Corners
    mixes: Corners
    oracle_hull: Corners
    constants: tuple[Point, ...]
    best: Point
    lift: Interval
    prompt_lift: Interval
    added_lift: Interval
    cost_at_best: Interval
    prompt_cost_at_best: Interval
    ece: float

    def verdict(self) -> str:
        """Return one sentence that claims no more than the intervals allow."""
        adds = f"{self.added_lift.value:+.3f} ({self.added_lift.low:+.3f} to {self.added_lift.high:+.3f})"
        if not self.added_lift.low > 0.0:
            return f"Looking at answers adds nothing certain to routing by the prompt: hull lift {adds}."
        text = f"Looking at answers adds {adds} hull lift to routing by the prompt"
        share = self.cost_at_best
        if not share.high < math.inf:
            return f"{text}."
        return f"{text}; {self.best.name}'s quality costs {share.value:.0%} ({share.low:.0%} to {share.high:.0%})."

    def to_json(self) -> str:
        """Return all fields as JSON text; unknown numbers and never are null."""
        return json.dumps(_finite(asdict(self)), indent=1, allow_nan=False, ensure_ascii=False)


def evaluate_joint(
    table: OutcomeTable,
    policy: Policy,
    answer_model: AnswerModel,
    joint: JointModel,
    dials: FloatArray,
    *,
    n_boot: int = 1000,
    seed: int = 0,
) -> JointEvaluation:
    """Play the joint model on held-out answers.

    Args:
        table: tasks that no part of the router has learnt from.
        policy: what chooses by the prompt alone.
        answer_model: judges each answer by itself.
        joint: what is judged.
        dials: those of the prompt-only router, shape (k,).
        n_boot: resamples of the bootstrap; 0 leaves intervals unknown.
        seed: of the bootstrap.
    """
    answers, part = held_out_grid(table, policy, answer_model, joint)
    scale = policy.usd_scale
    seconds = part.latency_s[:, [part.models.index(name) for name in policy.models]]
    grid = Grid(policy.models, answers.quality, answers.paid * scale, seconds, ())
    played = [play(joint, answers, float(price)) for price in PRICES]
    forecasts = policy.forecast(part.prompts)
    choices = np.stack([policy.decide(forecasts, float(dial)) for dial in dials])
    columns = [
        np.stack([one.paid * scale for one in played]),
        np.stack([one.quality for one in played]),
        chosen(grid.usd, choices),
        chosen(grid.quality, choices),
        grid.usd.T,
        grid.quality.T,
    ]
    sizes = np.cumsum([len(block) for block in columns])[:-1]
    rows = np.concatenate(columns).T
    found = _statistics(rows.mean(axis=0), sizes)
    rng = np.random.default_rng(seed)
    resamples = [_statistics(means, sizes) for means in resampled_means(rows, n_boot, rng)]
    drawn = np.array(resamples).reshape(n_boot, len(found))
    intervals = [percentile_interval(value, drawn[:, i]) for i, value in enumerate(found)]
    usd, quality, prompt_usd, prompt_quality, single_usd, single_quality = np.split(rows.mean(axis=0), sizes)
    singles = constants(grid)
    oracle_points = oracle_curve(grid, dials)
    confidence, right = (
        np.concatenate([getattr(one, name) for one in played]) for name in ("confidence", "quality")
    )
    return JointEvaluation(
        n_tasks=len(part),
        curve=tuple(_point(*one, seconds) for one in zip(PRICES.tolist(), usd, quality, played, strict=True)),
        hull=router_hull(usd, quality, single_usd, single_quality).corners(),
        prompt_hull=router_hull(prompt_usd, prompt_quality, single_usd, single_quality).corners(),
        mixes=upper_hull(single_usd, single_quality).corners(),
        oracle_hull=router_hull(*oracle_points, single_usd, single_quality).corners(),
        constants=singles,
        best=singles[best_constant(single_usd, single_quality)],
        lift=intervals[0],
        prompt_lift=intervals[1],
        added_lift=intervals[2],
        cost_at_best=intervals[3],
        prompt_cost_at_best=intervals[4],
        ece=float(expected_calibration_error(confidence, right)),
    )


def _statistics(means: FloatArray, sizes: FloatArray) -> tuple[float, ...]:
    """Return lift, lift of the prompt alone, their difference, and what the best constant's quality costs by each."""
    usd, quality, prompt_usd, prompt_quality, *single = np.split(means, sizes)
    lift, prompt_lift = hull_lift(usd, quality, *single), hull_lift(prompt_usd, prompt_quality, *single)
    costs = cost_at_best(usd, quality, *single), cost_at_best(prompt_usd, prompt_quality, *single)
    return lift, prompt_lift, lift - prompt_lift, *costs


def _point(price: float, usd: float, quality: float, played: Played, seconds: FloatArray) -> JointPoint:
    waited = played.latency_s(seconds)
    return JointPoint(
        1.0 / (1.0 + price), float(usd), float(quality), float(played.calls.mean()), float(waited.mean())
    )


def render_joint(found: JointEvaluation) -> Table:
    """Return one row per dial, with the headline figures as caption."""
    lines = [
        f"hull lift {_signed(found.lift)}; by the prompt alone {_signed(found.prompt_lift)}",
        f"calibration error of the combined confidence (ECE) {found.ece:.3f}",
    ]
    table = Table(
        title=f"Asking several models and comparing their answers, {found.n_tasks:,} held-out tasks",
        title_justify="left",
        caption=escape("\n".join(lines)),
        caption_justify="left",
    )
    for name in ("dial", "quality", "USD per 1,000", "cost vs best", "calls", "seconds"):
        table.add_column(name, justify="right")
    for point in found.curve:
        share = f"{point.usd / found.best.usd:.0%}" if found.best.usd > 0.0 else "–"
        seconds = f"{point.latency_s:.2f}" if math.isfinite(point.latency_s) else "–"
        cells = (f"{point.quality:.3f}", f"{1000.0 * point.usd:.4g}", share, f"{point.calls:.2f}", seconds)
        table.add_row(f"{point.dial:.3f}", *cells)
    return table


def write_joint(found: JointEvaluation, folder: Path) -> None:
    """Write joint.json and joint.png."""
    from router_training.judging.joint_figure import joint_figure  # spares serving matplotlib, 0.5 s

    (folder / "joint.json").write_text(found.to_json(), encoding="utf-8")
    joint_figure(found).savefig(folder / "joint.png")


def _signed(interval: Interval) -> str:
    return f"{interval.value:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
