"""The figures of one evaluation, frozen, and as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from router_training.bootstrap import Interval
from router_training.controls import CurvePoint, Point


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far forecasts of one model can be taken at their word."""

    ece: float
    brier: float
    mean_forecast: float
    mean_quality: float


@dataclass(frozen=True, slots=True)
class Slice:
    """The tasks of one type at the operating dial, beside the model that is best over all tasks."""

    name: str
    n: int
    usd: float
    quality: float
    best_constant_usd: float
    best_constant_quality: float


@dataclass(frozen=True, slots=True)
class Operating:
    """The policy at one dial, paired with the cost-matched mix of constants and with the best constant."""

    point: CurvePoint
    gain_over_mix: Interval
    gain_over_best: Interval
    cost_share_of_best: Interval


@dataclass(frozen=True)
class Evaluation:
    """All figures of one evaluation; costs in USD per task.

    Intervals hold 95 %: paired bootstrap over tasks, bias-corrected percentiles (see `bootstrap`).

    `lift`, `aiq` and `cost_at_best` are defined in `curves`. `learned_lift` is the lift beyond the twin's.
    `hull`, `twin_hull`, `mixes` (of constants) and `oracle_hull` hold corners (usd, quality).
    `best_reached_share` is the share of resamples in which best-single quality is reached.
    """

    models: tuple[str, ...]
    n_tasks: int
    n_left_out: int
    n_boot: int
    seed: int
    verdict: str
    lift: Interval
    twin_lift: Interval | None
    learned_lift: Interval | None
    aiq: Interval
    constants_aiq: float
    cost_at_best: Interval
    saving_at_best: Interval
    best_reached_share: float
    operating: Operating
    curve: tuple[CurvePoint, ...]
    twin_curve: tuple[CurvePoint, ...] | None
    hull: tuple[tuple[float, float], ...]
    twin_hull: tuple[tuple[float, float], ...] | None
    mixes: tuple[tuple[float, float], ...]
    constants: tuple[Point, ...]
    best: Point
    cheapest: Point
    random: Point
    oracle: Point
    oracle_hull: tuple[tuple[float, float], ...]
    oracle_lift: float
    calibration: dict[str, Calibration]
    slices: tuple[Slice, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all fields by name as JSON values; an interval is {"value", "low", "high"}.

        null stands for unknown, and in `cost_at_best` and `saving_at_best` for never.
        """
        content: dict[str, Any] = _json(asdict(self))
        return {"schema": 1, **content}


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
