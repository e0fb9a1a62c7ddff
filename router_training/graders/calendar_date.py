"""A date as YYYY-MM-DD."""

from __future__ import annotations

import re

from router_training.answer_text import decisive, final_part, plain, unfenced

_DATE = re.compile(r"(?<![\d-])\d{4}-\d{2}-\d{2}(?![\d-])")


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the date that the answer states is the reference's, None if the reference is no such date."""
    if not _DATE.fullmatch(reference):
        return None
    return float(decisive(final_part(plain(unfenced(answer))), _DATE) == reference)
