"""A time of day as HH:MM; a leading zero may be missing.

It cannot judge twelve-hour times ("9:05 PM" is no 21:05 to it), seconds, or times in words.
"""

from __future__ import annotations

import re

from router_training.answer_text import final_part, plain, settled, unfenced

_CLOCK = re.compile(r"(?:[01]?\d|2[0-3]):[0-5]\d")
_TIME = re.compile(r"(?<![\d:])\d{1,2}:\d{2}(?![\d])(?!\s*[pP]\.?[mM])")


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the time that the answer states is the reference's, None if the reference is no time."""
    if not _CLOCK.fullmatch(reference):
        return None
    stated = settled(final_part(plain(unfenced(answer))), _TIME, _same)
    return float(stated is not None and stated.zfill(5) == reference.zfill(5))


def _same(one: re.Match[str], other: re.Match[str]) -> bool:
    return one.group().zfill(5) == other.group().zfill(5)
