"""Gold in three parts, and feedback joined to the part that may be learned from.

The champion and its challengers learn from the training part. The traffic part is there to be answered, and
brings feedback. The gate part says which router serves, so nothing like its prompts is ever learned from.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from router_training.contract import HASHED, Outcome
from router_training.outcomes import OutcomeTable
from router_training.tables.near_duplicates import near_duplicate_groups

if TYPE_CHECKING:
    from router_training.policy import Policy

TEST_SHARE = 0.4
GATE_SHARE = 0.5
GOLD_DIGEST = "gold_digest"  # in a policy's metadata: the gold that feedback was added to


@dataclass(frozen=True)
class Parts:
    """Gold outcomes in three; near-duplicate prompts lie in one part."""

    train: OutcomeTable
    traffic: OutcomeTable
    gate: OutcomeTable


@dataclass(frozen=True)
class Merged:
    """What the challenger learns from, and what of the feedback it may not; `left_out` counts rows by reason."""

    table: OutcomeTable
    n_feedback: int
    left_out: Mapping[str, int]


def three_parts(table: OutcomeTable, seed: int = 0) -> Parts:
    """Return the training part that `train_router` uses, and its test part cut into traffic and gate.

    Raises:
        DataError: Too few distinct prompts for three parts.
    """
    train, rest = table.split(TEST_SHARE, seed)
    traffic, gate = rest.split(GATE_SHARE, seed)
    return Parts(train, traffic, gate)


def learned_from(policy: Policy, gold: OutcomeTable) -> bool:
    """Tell whether this training part, with feedback or without, is what the policy was trained on."""
    return gold.digest in (policy.metadata.get("data_digest"), policy.metadata.get(GOLD_DIGEST))


def merge_feedback(parts: Parts, feedback: Sequence[Outcome]) -> Merged:
    """Return the training part with feedback added; gold stays where both know a task and model.

    Feedback is left out whose prompt was not kept, whose quality is unknown, whose model has no gold to judge it
    by, or whose prompt is a near-duplicate of a gate prompt. A prompt asked several times counts once per model, as last seen.

    Args:
        parts: The gold outcomes.
        feedback: Oldest first.
    """
    reasons = _reasons(parts, feedback)
    kept = [outcome for outcome, reason in zip(feedback, reasons, strict=True) if reason is None]
    gold = dict(zip(parts.train.prompts, map(str, parts.train.task_ids), strict=True))
    known = set(zip(parts.train.frame["task_id"], parts.train.frame["model"], strict=True))
    rows: dict[tuple[str, str], Outcome] = {}
    for outcome in kept:
        task = gold.get(outcome.prompt) or _task_id(outcome.prompt)
        if (task, outcome.model) not in known:
            rows[task, outcome.model] = replace(outcome, task_id=task)
    left_out = Counter(reason for reason in reasons if reason is not None)
    left_out["gold or later feedback knows better"] = len(kept) - len(rows)
    if not rows:
        return Merged(parts.train, 0, +left_out)
    added = OutcomeTable.from_outcomes(rows.values(), origin="feedback")
    return Merged(parts.train.concat(added), len(rows), +left_out)


def _reasons(parts: Parts, feedback: Sequence[Outcome]) -> list[str | None]:
    """Say of each outcome why it may not be learned from, or None."""
    gate = _gate_prompts(parts, {outcome.prompt for outcome in feedback})
    reasons: list[str | None] = []
    for outcome in feedback:
        if outcome.prompt in gate:
            reasons.append("near-duplicate of a gate prompt")
        elif not outcome.prompt.strip() or outcome.prompt.startswith(HASHED):
            reasons.append("prompt that was not kept")
        elif outcome.quality is None:
            reasons.append("no answer, or no label")
        elif outcome.model not in parts.train.models:
            reasons.append("model without gold outcomes")
        else:
            reasons.append(None)
    return reasons


def _gate_prompts(parts: Parts, prompts: set[str]) -> set[str]:
    """Return those of `prompts` that are near-duplicates of a prompt in the gate part."""
    gold = [*parts.gate.prompts, *parts.train.prompts, *parts.traffic.prompts]
    fresh = sorted(prompts - set(gold))
    everything = [*gold, *fresh]
    groups = near_duplicate_groups(everything)
    barred = set(groups[: len(parts.gate)].tolist())
    return {prompt for prompt, group in zip(everything, groups.tolist(), strict=True) if group in barred}


def _task_id(prompt: str) -> str:
    return f"feedback-{hashlib.sha256(prompt.encode('utf-8', 'replace')).hexdigest()[:16]}"
