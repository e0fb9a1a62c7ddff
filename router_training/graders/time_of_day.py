"""A time of day as HH:MM; a leading zero may be missing."""

from __future__ import annotations

import re

from router_training.answer_text import decisive, final_part, plain, unfenced

_TIME = re.compile(r"(?<![\d:])\d{1,2}:\d{2}(?![\d])(?!\s*[pP]\.?[mM])")


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the time that the answer states is the reference's, None if the reference is no time."""
    if not _TIME.fullmatch(reference):
        return None
    stated = decisive(final_part(plain(unfenced(answer))), _TIME)
    return float(stated is not None and stated.zfill(5) == reference.zfill(5))
