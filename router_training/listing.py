"""Names in a sentence: all of a few, the first of many."""

from __future__ import annotations

from collections.abc import Sequence

MOST = 8


def listed(names: Sequence[str], most: int = MOST) -> str:
    """Return "a, b, c", or of more than `most` names the first and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
