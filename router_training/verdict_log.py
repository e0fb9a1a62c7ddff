"""A verdict as a run of MLflow, and how many verdicts the same gold has given before."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from router_training.outcomes import OutcomeTable

if TYPE_CHECKING:
    from router_training.challenger import Verdict
    from router_training.judging.bootstrap import Interval
    from router_training.tracking import Store

SKETCH = 64


def sketch(prompts: Sequence[str]) -> str:
    """Return the smallest digests of the prompts: two sets that share a tenth of their prompts share some of these.

    Broder, "On the resemblance and containment of documents", 1997, section 3.
    """
    return " ".join(
        sorted({hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:10] for text in prompts})[
            :SKETCH
        ]
    )


def tries_on(store: Store, gate: OutcomeTable) -> int:
    """Return which try this one is on the gate's prompts, from 1: earlier verdicts on gates that share prompts count."""
    mine = set(sketch(gate.prompts).split())
    return 1 + sum(not mine.isdisjoint(earlier.split()) for earlier in store.earlier_gates())


def log_verdict(
    store: Store, verdict: Verdict, left_out: Mapping[str, int], digests: Mapping[str, str], gate: str
) -> str:
    """Write the verdict with its rules and the verifier's biases as a run; return the run's id."""
    metrics: dict[str, float] = {
        "promoted": verdict.promoted,
        "n_gold": verdict.n_gold,
        "n_feedback": verdict.n_feedback,
        "n_gate_tasks": verdict.n_gate_tasks,
        "tries": verdict.tries,
        **{f"left_out/{reason}": count for reason, count in left_out.items()},
    }
    if verdict.difference is not None:
        metrics |= _bounds("difference", verdict.difference)
    for side, point in {"challenger": verdict.challenger, "champion": verdict.champion}.items():
        if point is not None:
            metrics |= {f"{side}_usd": point[0], f"{side}_quality": point[1]}
    for one in verdict.biases:
        metrics |= _bounds(f"verifier_bias/{one.name}", one.bias)
    tags = {
        "verdict": "promoted" if verdict.promoted else "kept",
        "dry_run": str(verdict.dry_run).lower(),
        "mlflow.note.content": "\n\n".join(
            text for text in (verdict.reason, verdict.noise, verdict.promise) if text
        ),
        **({"gate": gate} if verdict.rules else {}),
    }
    return store.log_verdict(
        params={
            "challenger_version": verdict.version,
            "champion_version": verdict.champion_version,
            "dial": verdict.dial,
            **digests,
        },
        metrics=metrics,
        tags=tags,
        tables={"reasons": _table(verdict)} if verdict.rules else {},
    )


def _table(verdict: Verdict) -> dict[str, list[object]]:
    """Return the rules as columns."""
    return {
        "rule": [rule.rule for rule in verdict.rules],
        "figure": [rule.figure.value for rule in verdict.rules],
        "low": [rule.figure.low for rule in verdict.rules],
        "high": [rule.figure.high for rule in verdict.rules],
        "must exceed": [rule.must_exceed for rule in verdict.rules],
        "tasks": [rule.n_tasks for rule in verdict.rules],
        "holds": [rule.holds for rule in verdict.rules],
    }


def _bounds(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
