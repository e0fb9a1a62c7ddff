"""A regular expression that the stated answer must match. Reference: the pattern, anchored by its own ^ and $ only.

It cannot judge meaning: "The answer is not 42" matches 42. Anchor the pattern, or use numeric or contains.
"""

from __future__ import annotations

import regex

from router_training.answer_text import final_part

_SECONDS = 2.0


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the pattern is found in what follows the last "Answer:", or in an answer without one.

    None for a pattern that is none, or that takes longer than two seconds.
    """
    if not reference:
        return None
    try:
        return float(regex.search(reference, final_part(answer), timeout=_SECONDS) is not None)
    except (regex.error, TimeoutError, RecursionError):
        return None
