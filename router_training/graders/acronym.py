"""Initials: capitals or not, with or without points and spaces.

It cannot judge which of several acronyms in a sentence is meant: any right one that is not denied counts.
"""

from __future__ import annotations

import re

from router_training.answer_text import final_part, mentions, plain, unfenced


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the answer is the reference's letters, or names them in capitals as one word.

    None for a reference without letters.
    """
    text = final_part(plain(unfenced(answer)))
    wanted = reference.upper().strip()
    if not wanted.isalpha():
        return None
    if re.sub(r"[^A-Za-z]", "", text).upper() == wanted:
        return 1.0
    return float(mentions(re.sub(r"(?<=[A-Za-z])[.\-](?=[A-Za-z])", "", text), wanted))
