"""Figures that published benchmarks of routers report, by their own definitions, so that results can be laid side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from router_training.contract import FloatArray
from router_training.judging.controls import CurvePoint, Grid, oracle_choice
from router_training.judging.curves import TOLERANCE, Choices, Hull, best_constant, chosen, share_of

ARENA_BETA, ARENA_MOST_USD, ARENA_LEAST_USD = 0.1, 200.0, 0.0044  # RouterArena's; USD per 1,000 tasks
PERFORMANCE_LEVELS = (0.5, 0.8, 0.95)
QUALITY_LEVELS = (0.9, 0.95, 0.99, 1.0)
LATENCY_QUANTILES = (0.5, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Published:
    """Figures of others' benchmarks; each is defined by the function of this file that has its name.

    `apgr`, `cpt` (by level), `cost_at` (by share of the best constant's quality), `perf_gain` and `cost_save` are of the
    whole curve; the others are of the operating dial. Infinity means never, NaN unknown.
    """

    apgr: float
    cpt: dict[str, float]
    cost_at: dict[str, float]
    perf_gain: float
    cost_save: float
    arena_score: float
    regret: float
    oracle_share: float
    most_used: str
    most_used_share: float
    entropy: float
    latency_s: dict[str, float] = field(default_factory=dict)


def published(grid: Grid, hull: Hull, curve: tuple[CurvePoint, ...], choice: Choices, at: int) -> Published:
    """Return all figures of a router.

    Args:
        grid: outcomes of n tasks and m models.
        hull: of the router's own points and the cheapest constant.
        curve: the router's points.
        choice: what it chooses at the operating dial, shape (n,).
        at: the place of the operating dial in `curve`.
    """
    usd, quality = grid.usd.mean(axis=0), grid.quality.mean(axis=0)
    best = best_constant(usd, quality)
    weak, strong = _weak_and_strong(usd, quality)
    top = float(quality[best])
    point = curve[at]
    most_used = max(point.shares, key=lambda name: point.shares[name])
    ideal = float(chosen(grid.quality, oracle_choice(grid)).mean())
    return Published(
        apgr=apgr(hull, weak, strong),
        cpt={f"{level:g}": cpt(hull, weak, strong, level) for level in PERFORMANCE_LEVELS},
        cost_at={
            f"{share:g}": share_of(hull.usd_at(share * top), float(usd[best])) for share in QUALITY_LEVELS
        },
        perf_gain=perf_gain(curve, top),
        cost_save=cost_save(curve, top, float(usd[best])),
        arena_score=arena_score(point.quality, 1000.0 * point.usd),
        regret=ideal - point.quality,
        oracle_share=oracle_share(point.quality, top, ideal),
        most_used=most_used,
        most_used_share=point.shares[most_used],
        entropy=entropy(np.array(list(point.shares.values()))),
        latency_s=latency_quantiles(chosen(grid.latency_s, choice)),
    )


def _weak_and_strong(usd: FloatArray, quality: FloatArray) -> tuple[tuple[float, float], tuple[float, float]]:
    weak, strong = int(np.lexsort((-quality, usd))[0]), best_constant(usd, quality)
    return (float(usd[weak]), float(quality[weak])), (float(usd[strong]), float(quality[strong]))


def apgr(hull: Hull, weak: tuple[float, float], strong: tuple[float, float]) -> float:
    """Return the average performance gap recovered, 0.5 for a mix of the two models by coin, 1 for the strong one's quality free.

    PGR = (r(router) - r(weak)) / (r(strong) - r(weak)), averaged over the cost from all-weak to all-strong (Ong et al.,
    "RouteLLM: Learning to Route LLMs with Preference Data", 2024, section 4). There cost is the share of calls to the strong
    model of a pair. Here it is (usd - usd(weak)) / (usd(strong) - usd(weak)), which is that share for two models of fixed
    prices; weak is the cheapest constant, strong the best one. Each is (usd, quality). NaN where they do not differ.
    """
    gap = strong[1] - weak[1]
    if not (gap > TOLERANCE and strong[0] > weak[0]):
        return math.nan
    return (hull.mean_quality(weak[0], strong[0]) - weak[1]) / gap


def cpt(hull: Hull, weak: tuple[float, float], strong: tuple[float, float], level: float) -> float:
    """Return the call-performance threshold: the least cost, in [0, 1], that recovers `level` of the performance gap.

    RouteLLM, 2024, section 4, with `apgr`'s measure of cost; infinity where the level is not reached.
    """
    gap = strong[1] - weak[1]
    if not (gap > TOLERANCE and strong[0] > weak[0]):
        return math.nan
    usd = hull.usd_at(weak[1] + level * gap)
    return max(0.0, (usd - weak[0]) / (strong[0] - weak[0]))


def perf_gain(curve: tuple[CurvePoint, ...], best_quality: float) -> float:
    """Return PerfGain: the most that any dial adds to the best constant's quality, as a share of that quality.

    Li et al., "LLMRouterBench: A Massive Benchmark and Unified Framework for LLM Routing", 2026. Negative where no dial gets
    there. It takes the best of all dials on the tasks that it is measured on, as that paper does.
    """
    if best_quality <= 0.0:
        return math.nan
    return max(point.quality for point in curve) / best_quality - 1.0


def cost_save(curve: tuple[CurvePoint, ...], best_quality: float, best_usd: float) -> float:
    """Return CostSave: 1 - the cost share of the cheapest dial that is at least as good as the best constant; 0 without one.

    LLMRouterBench, 2026. Single dials count here, not mixes of two as in `cost_at`.
    """
    able = [point.usd for point in curve if point.quality >= best_quality - TOLERANCE]
    return 1.0 - share_of(min(able), best_usd) if able and best_usd > 0.0 else 0.0


def arena_score(quality: float, usd_per_1000: float) -> float:
    """Return RouterArena's score: a weighted harmonic mean of accuracy A and cheapness C, both in [0, 1].

    S = (1 + b) A C / (b A + C) with C = (log2 c_max - log2 c) / (log2 c_max - log2 c_min), b = 0.1, c_max = 200 and c_min =
    0.0044 USD per 1,000 queries (Lu et al., "RouterArena: An Open Platform for Comprehensive Comparison of LLM Routers", 2025,
    section 4). Costs outside that range count as its ends.
    """
    usd = min(max(usd_per_1000, ARENA_LEAST_USD), ARENA_MOST_USD)
    cheap = math.log2(ARENA_MOST_USD / usd) / math.log2(ARENA_MOST_USD / ARENA_LEAST_USD)
    below = ARENA_BETA * quality + cheap
    return (1.0 + ARENA_BETA) * quality * cheap / below if below > 0.0 else 0.0


def oracle_share(quality: float, best_quality: float, oracle_quality: float) -> float:
    """Return how much of what the oracle gains over the best constant the router gains; NaN where that is nothing."""
    room = oracle_quality - best_quality
    return (quality - best_quality) / room if room > TOLERANCE else math.nan


def entropy(shares: FloatArray) -> float:
    """Return how evenly m models are used: 0 for one model always, 1 for all alike (Shannon's entropy over log m)."""
    used = shares[shares > 0.0]
    if len(shares) < 2:
        return 0.0
    return max(0.0, float(-(used * np.log(used)).sum() / math.log(len(shares))))


def latency_quantiles(latency_s: FloatArray) -> dict[str, float]:
    """Return quantiles of recorded seconds by level, empty where none was recorded."""
    known = latency_s[np.isfinite(latency_s)]
    if not known.size:
        return {}
    return {f"{level:g}": float(np.quantile(known, level)) for level in LATENCY_QUANTILES}
