"""The figures of one evaluation, frozen, and as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from router_training.calibration import ReliabilityBin
from router_training.judging.bootstrap import Interval
from router_training.judging.controls import CurvePoint, Point
from router_training.judging.published import Published
from router_training.judging.slices import Slice


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far forecasts of one model can be taken at their word; `bins` is its reliability diagram."""

    ece: float
    brier: float
    mean_forecast: float
    mean_quality: float
    bins: tuple[ReliabilityBin, ...] = ()


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
    `best_reached_share` is the share of resamples in which best-single quality is reached. `equal_quality` is what the best
    constant's quality costs at dials that other tasks chose (see `equal_quality`); None where no dial is cheaper.
    `robustness` is the share of decisions, by noise, that stay (see `robustness`).
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
    published: Published
    equal_quality: Operating | None = None
    robustness: dict[str, float] = field(default_factory=dict)

    @property
    def pays(self) -> bool:
        """Whether the router beats every constant and every mix: the whole interval of the lift lies above 0."""
        return self.lift.low > 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return all fields by name as JSON values; an interval is {"value", "low", "high"}.

        None stands for unknown, and in `cost_at_best` and `saving_at_best` for never. "schema" counts
        incompatible changes of this form.
        """
        content: dict[str, Any] = _json(asdict(self))
        return {"schema": 1, **content}

    def to_json(self) -> str:
        """Return `as_dict` as JSON text."""
        return json.dumps(self.as_dict(), indent=1, allow_nan=False, ensure_ascii=False)

    def metrics(self) -> dict[str, float]:
        """Return the headline figures as flat numbers for a run's metrics; unknown ones are left out."""
        intervals = {
            "lift": self.lift,
            "twin_lift": self.twin_lift,
            "learned_lift": self.learned_lift,
            "aiq": self.aiq,
            "cost_at_best": self.cost_at_best,
            "gain_over_mix": self.operating.gain_over_mix,
            "gain_over_best": self.operating.gain_over_best,
            "equal_quality_cost_share": None
            if self.equal_quality is None
            else self.equal_quality.cost_share_of_best,
            "equal_quality_gain": None if self.equal_quality is None else self.equal_quality.gain_over_best,
        }
        found = {
            f"{name}{suffix}": number
            for name, interval in intervals.items()
            if interval is not None
            for suffix, number in (("", interval.value), ("_low", interval.low), ("_high", interval.high))
        }
        found |= {
            "constants_aiq": self.constants_aiq,
            "oracle_lift": self.oracle_lift,
            "best_quality": self.best.quality,
            "best_usd": self.best.usd,
            "quality": self.operating.point.quality,
            "usd": self.operating.point.usd,
            "n_tasks": float(self.n_tasks),
            "ece_max": max((part.ece for part in self.calibration.values()), default=math.nan),
        }
        found |= {f"ece/{name}": part.ece for name, part in self.calibration.items()}
        found |= {f"brier/{name}": part.brier for name, part in self.calibration.items()}
        found |= {f"robustness/{name}": share for name, share in self.robustness.items()}
        found |= _flat(asdict(self.published))
        return {name: number for name, number in found.items() if math.isfinite(number)}


def _flat(figures: dict[str, Any]) -> dict[str, float]:
    """Return the numbers by name, those of a nested table by "name/key"."""
    flat = {name: value for name, value in figures.items() if isinstance(value, float)}
    tables = {name: value for name, value in figures.items() if isinstance(value, dict)}
    return flat | {f"{name}/{key}": value for name, table in tables.items() for key, value in table.items()}


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
