"""Words in a given order; commas, case and a sentence around them do not matter.

It cannot judge numbers, nor what is said before the words: "not cow bee ant" ends in these words.
"""

from __future__ import annotations

import re

from router_training.answer_text import final_part, plain, unfenced

_WORD = re.compile(r"[^\W\d_]+")


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the answer ends with the reference's words in their order, None for a reference without any."""
    wanted = _WORD.findall(reference.lower())
    found = _WORD.findall(final_part(plain(unfenced(answer))).lower())
    return float(found[-len(wanted) :] == wanted) if wanted else None
