"""Prompts that are so alike that they would tell a router the answer: inside a table, and between files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from router_training.contract import Vectors
from router_training.inspection.finding import Finding, fine, know, mend
from router_training.outcomes import OutcomeTable
from router_training.tables.near_duplicates import near_duplicate_groups

ALIKE = 0.97  # cosine; all-MiniLM-L6-v2 puts rewordings and changed numbers above it
BLOCK = 1024
SHOWN = 2


def near_duplicates(table: OutcomeTable, vectors: Vectors) -> Finding:
    """Count the tasks in groups that a split keeps together, and those that are alike across groups.

    Args:
        table: n tasks.
        vectors: of length 1, shape (n, d).
    """
    groups = table.groups
    grouped = int((np.bincount(groups)[groups] > 1).sum())
    pairs = alike_across(vectors, groups)
    tasks = len({task for pair in pairs for task in pair})
    said = f"{grouped:,} of {len(table):,} tasks have a near-duplicate, which a split keeps on their side"
    if not pairs:
        return fine("near-duplicates", f"{said}; none is nearly the same as a task of another group")
    ids = "; ".join(f"{table.task_ids[a]} and {table.task_ids[b]}" for a, b in pairs[:SHOWN])
    said = f"{said}; {tasks:,} more are nearly the same (cosine over {ALIKE}) as one of another group ({ids})"
    if tasks > 0.1 * len(table):
        return mend("near-duplicates", f"{said}: templates, so figures hold for these templates alone")
    return know("near-duplicates", said)


def alike_across(vectors: Vectors, groups: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return for each task its likest earlier one of another group, where their cosine is over ALIKE: (earlier, task)."""
    found = []
    for start in range(0, len(vectors), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(vectors)))
        cosine = vectors[rows] @ vectors[: rows[-1] + 1].T
        cosine[
            (groups[rows][:, None] == groups[: rows[-1] + 1]) | (np.arange(rows[-1] + 1) >= rows[:, None])
        ] = -1.0
        likest = cosine.argmax(axis=1)
        over = cosine[np.arange(len(rows)), likest] > ALIKE
        found += list(zip(likest[over].tolist(), rows[over].tolist(), strict=True))
    return found


def leakage(table: OutcomeTable, others: Sequence[OutcomeTable]) -> list[Finding]:
    """Return per other file how many tasks it shares with this one, near-duplicates included."""
    found = []
    for other in others:
        groups = near_duplicate_groups([*table.prompts, *other.prompts])
        shared = np.isin(groups[: len(table)], groups[len(table) :])
        about = f"leakage: {other.origin}"
        if not shared.any():
            found.append(fine(about, "shares no prompt with this table"))
            continue
        ids = ", ".join(map(str, table.task_ids[shared][:3]))
        said = f"{shared.sum():,} of {len(table):,} tasks are in that file too ({ids})"
        found.append(mend(about, f"{said}: a router trained on one and judged on the other is flattered"))
    return found
