"""A date as YYYY-MM-DD.

It cannot judge dates in other forms: "1 March 2024" is none to it, and so wrong where the task asked for this form.
"""

from __future__ import annotations

import re
from datetime import date

from router_training.answer_text import final_part, plain, settled, unfenced

_DATE = re.compile(r"(?<![\d-])\d{4}-\d{2}-\d{2}(?![\d-])")


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the date that the answer states is the reference's, None if the reference is no such date."""
    try:
        date.fromisoformat(reference if _DATE.fullmatch(reference) else "")
    except ValueError:
        return None
    return float(settled(final_part(plain(unfenced(answer))), _DATE) == reference)
