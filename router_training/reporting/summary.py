"""The evaluation in Markdown, short enough for a pull request."""

from __future__ import annotations

import math

from router_training.judging.bootstrap import Interval
from router_training.judging.comparison import Comparison
from router_training.judging.evaluation_result import Evaluation
from router_training.reporting.story import basis_sentence, saving_sentence


def summary(evaluation: Evaluation, part: str = "", comparison: Comparison | None = None) -> str:
    """Return what was found as Markdown: the claim, one row per way to answer, the intervals, and small print."""
    lines = [f"**{saving_sentence(evaluation)}**", "", basis_sentence(evaluation), ""]
    lines += _ways(evaluation)
    lines += ["", *_figures(evaluation)]
    if comparison is not None:
        lines += ["", *compared(comparison)]
    weak = [part for part in evaluation.slices if part.gain_over_best.high < 0.0 and not part.small]
    if weak:
        named = ", ".join(
            f"{_cell(one.name)} ({100 * one.gain_over_best.value:+.1f}, n = {one.n})" for one in weak
        )
        lines += ["", f"Surely worse than always {_cell(evaluation.best.name)}, in points: {named}."]
    tail = f"Intervals: 95%, {evaluation.n_boot:,} paired resamples of {evaluation.n_tasks:,} tasks."
    return "\n".join([*lines, "", f"<sub>{part} {tail}</sub>".replace("<sub> ", "<sub>"), ""])


def compared(comparison: Comparison) -> list[str]:
    """Return a comparison as the lines of a Markdown table."""
    lines = [
        f"On {comparison.n_tasks:,} tasks, differences from {_cell(comparison.reference)}:",
        "",
        "| way | quality | USD per 1,000 | quality, difference | cost, ratio | lift, difference |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in comparison.rows:
        found = (row.quality_difference, row.cost_ratio, row.lift_difference)
        quality, cost, lift = (
            "–" if one is None else _interval(one, form)
            for one, form in zip(found, ("+.3f", ".2f", "+.3f"), strict=True)
        )
        name = _cell(row.name) + ("" if row.unseen else " (may know some tasks)")
        lines.append(f"| {name} | {row.quality:.3f} | {1000 * row.usd:.4g} | {quality} | {cost} | {lift} |")
    return lines


def _ways(evaluation: Evaluation) -> list[str]:
    best, now, equal = evaluation.best, evaluation.operating.point, evaluation.equal_quality
    marks = {evaluation.cheapest.name: " (cheapest)", best.name: " (best)"}
    rows = [
        (f"always {point.name}{marks.get(point.name, '')}", point.usd, point.quality)
        for point in sorted(evaluation.constants, key=lambda one: one.usd)
    ]
    if equal is not None:
        rows.append(
            (f"router, dial {equal.point.dial:.2f} (equal quality)", equal.point.usd, equal.point.quality)
        )
    rows.append((f"router, dial {now.dial:.2f}", now.usd, now.quality))
    twins = [point for point in evaluation.twin_curve or () if point.dial == now.dial]
    rows += [(f"labels shuffled, dial {now.dial:.2f}", point.usd, point.quality) for point in twins]
    rows += [(one.name, one.usd, one.quality) for one in (evaluation.random, evaluation.oracle)]
    share = [f"{usd / best.usd:.0%}" if best.usd > 0.0 else "–" for _, usd, _ in rows]
    return [
        "| who answers | quality | USD per 1,000 | of best |",
        "|---|---:|---:|---:|",
        *(
            f"| {_cell(name)} | {quality:.3f} | {1000 * usd:.4g} | {part} |"
            for (name, usd, quality), part in zip(rows, share, strict=True)
        ),
    ]


def _figures(evaluation: Evaluation) -> list[str]:
    found = {
        "hull lift over mixes": evaluation.lift,
        "shuffled labels": evaluation.twin_lift,
        "learned": evaluation.learned_lift,
        "AIQ": evaluation.aiq,
    }
    told = [f"{name} {_interval(interval)}" for name, interval in found.items() if interval is not None]
    errors = [one.ece for one in evaluation.calibration.values()]
    if errors:
        told.append(f"calibration error up to {max(errors):.3f}")
    return [f"- {line}" for line in told]


def _interval(one: Interval, form: str = "+.3f") -> str:
    if math.isnan(one.low):
        return format(one.value, form)
    return f"{one.value:{form}} ({one.low:{form}} to {one.high:{form}})"


def _cell(text: str) -> str:
    """Keep a name from breaking the table."""
    return text.replace("|", "\\|").replace("\n", " ")
