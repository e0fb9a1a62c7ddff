"""Gold in three parts, and feedback joined to the part that may be learned from.

The champion and its challengers learn from the training part. The traffic part is there to be answered, and
brings feedback. The gate part says which router serves, so nothing like its prompts is ever learned from.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from router_training.contract import HASHED, SHADOW, Outcome
from router_training.outcomes import OutcomeTable
from router_training.records.traces import utc
from router_training.tables.near_duplicates import PREFIX, near_duplicate_groups

if TYPE_CHECKING:
    from router_training.policy import Policy

TEST_SHARE = 0.4
TRAFFIC_SHARE = 0.2
GATE_SHARE = 0.5
LATER = "asked beside or after an answer of the first choice"
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


def with_more_gold(parts: Parts, more: Sequence[OutcomeTable], seed: int = 0) -> Parts:
    """Return the parts with further gold dealt to them: a prompt's near-duplicates share its part.

    Any other prompt goes where the digest of its beginning says, so that the parts of a file that grows stay as they
    are, and a gate stays unseen.

    Raises:
        DataError: a task id stands for different prompts in two files.
    """
    for table in more:
        known = [parts.train, parts.traffic, parts.gate]
        texts = [prompt for part in known for prompt in part.prompts]
        groups = near_duplicate_groups([*texts, *table.prompts]).tolist()
        part_of = dict(zip(groups, (i for i, part in enumerate(known) for _ in part.prompts), strict=False))
        for group, prompt in zip(groups[len(texts) :], table.prompts, strict=True):
            part_of.setdefault(group, _part_of(prompt, seed))
        placed = np.array([part_of[group] for group in groups[len(texts) :]])
        parts = Parts(
            *(
                part.concat(table.take(np.flatnonzero(placed == i))) if (placed == i).any() else part
                for i, part in enumerate(known)
            )
        )
    return parts


def _part_of(prompt: str, seed: int) -> int:
    """Return 0 (train), 1 (traffic) or 2 (gate) in the shares of `three_parts`."""
    beginning = " ".join(prompt.casefold().split())[:PREFIX]
    drawn = _uniform(f"{seed} {beginning}")
    return int(drawn >= 1.0 - TEST_SHARE) + int(drawn >= 1.0 - TEST_SHARE + TRAFFIC_SHARE)


def decayed(feedback: Sequence[Outcome], half_life_s: float) -> list[Outcome]:
    """Return feedback thinned by age: a row is kept with probability 0.5 ** (age / half life), age before the newest.

    Thinning is a weight that every success model obeys. Which rows stay follows from their ids; a row without a time
    counts as new.
    """
    times = [None if one.time is None else utc(one.time).timestamp() for one in feedback]
    newest = max((time for time in times if time is not None), default=0.0)
    return [
        one
        for one, time in zip(feedback, times, strict=True)
        if time is None or _uniform(f"{one.task_id} {one.model}") < 0.5 ** ((newest - time) / half_life_s)
    ]


def _uniform(text: str) -> float:
    """Return a number in [0, 1) that follows from a text."""
    digest = hashlib.sha256(text.encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def learned_from(policy: Policy, gold: OutcomeTable) -> bool:
    """Tell whether this training part, with feedback or without, is what the policy was trained on."""
    return gold.digest in (policy.metadata.get("data_digest"), policy.metadata.get(GOLD_DIGEST))


def merge_feedback(parts: Parts, feedback: Sequence[Outcome]) -> Merged:
    """Return the training part with feedback added; gold stays where both know a task and model.

    Feedback is left out whose prompt was not kept, whose quality is unknown, whose model has no gold to judge it
    by, whose prompt is a near-duplicate of a gate prompt, or whose model was asked beside or after an answer of the
    first choice: such prompts are harder than they look, and would make that model look worse than it is. A prompt asked several times counts once per model, as last seen.

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
    first = [one for one in feedback if one.propensity is not None and one.source != SHADOW]
    answered = {one.task_id for one in first if one.quality is not None}
    rules: Mapping[str, Callable[[Outcome], bool]] = {
        "near-duplicate of a gate prompt": lambda one: one.prompt in gate,
        "prompt that was not kept": lambda one: not one.prompt.strip() or one.prompt.startswith(HASHED),
        "no answer: the call failed": lambda one: one.quality is None and one.error is not None,
        "answer without a label": lambda one: one.quality is None,
        LATER: lambda one: one.propensity is None and one.task_id in answered,
        "model without gold outcomes": lambda one: one.model not in parts.train.models,
    }
    return [next((name for name, holds in rules.items() if holds(one)), None) for one in feedback]


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
