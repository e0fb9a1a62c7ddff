"""The number that the answer states. Reference: a number, or {"value": 3.14, "abs": 0.01, "rel": 0.0}.

It cannot judge units (12 km and 12 miles are both 12), percent signs (50% is 50 and 0.5), bounds ("at least 42" states 42) or
formulas, which math_equal reads; 7/10 is 0.7, a score out of ten or not.
"""

from __future__ import annotations

import json
import math
import re

from router_training.answer_numbers import NUMBER, readings
from router_training.answer_text import final_part, plain, settled

_LIST_MARK = re.compile(r"^\s*\d+[.)]\s+(?=\S)", re.MULTILINE)
_SEQUENCE = re.compile(r"-?\d+(?:, -?\d+){2,}\.?")
_CURRENCY = str.maketrans("", "", "$£€")
_UNIT = re.compile(
    r"[\s-]?(hours?|h|minutes?|mins?|seconds?|secs?|days?|weeks?|months?|years?|km|kilomet(?:er|re)s?|cm|mm|met(?:er|re)s?|m"
    r"|miles?|yards?|feet|foot|ft|inch(?:es)?|kg|kilograms?|kilos?|grams?|g|pounds?|lbs?|ounces?|oz|lit(?:er|re)s?|l|ml"
    r"|gallons?|cups?|dollars?|cents?|euros?|dozens?|degrees?|radians?|percent)\b",
    re.IGNORECASE,
)
_TOLERANCE = 1e-6


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the stated number is the reference within its tolerance, 0 if not, None if the reference is no number.

    A bare sequence of numbers states its last one: the question restated and continued. "42 or 43" states none.
    """
    key = _key(reference)
    if key is None:
        return None
    wanted, rel_tol, abs_tol = key
    text = final_part(plain(answer))
    text = _LIST_MARK.sub("", text) if len(_LIST_MARK.findall(text)) > 1 else text
    text = text.translate(_CURRENCY)
    told = text.rpartition(",")[2].rstrip(".") if _SEQUENCE.fullmatch(text) else settled(text, NUMBER, _same)
    values = () if told is None else readings(told)
    return float(any(math.isclose(value, wanted, rel_tol=rel_tol, abs_tol=abs_tol) for value in values))


def _same(one: re.Match[str], other: re.Match[str]) -> bool:
    """Tell whether two numbers may be worth the same: 50% and 0.5, or 6 hours and 360 minutes."""
    units = [_UNIT.match(number.string, number.end()) for number in (one, other)]
    names = {unit.group(1).lower().removesuffix("s") for unit in units if unit}
    return len(names) == 2 or not set(readings(one.group())).isdisjoint(readings(other.group()))


def _key(reference: str) -> tuple[float, float, float] | None:
    """Return the wanted number, and how far from it an answer may be: relatively and absolutely, whichever is more."""
    try:
        if not reference.lstrip().startswith("{"):
            return _finite(float(reference.replace(",", "")), _TOLERANCE, _TOLERANCE)
        key = json.loads(reference)
        return _finite(
            float(key["value"]), float(key.get("rel", _TOLERANCE)), float(key.get("abs", _TOLERANCE))
        )
    except (ValueError, KeyError, TypeError):
        return None


def _finite(wanted: float, rel_tol: float, abs_tol: float) -> tuple[float, float, float] | None:
    fits = all(map(math.isfinite, (wanted, rel_tol, abs_tol))) and min(rel_tol, abs_tol) >= 0.0
    return (wanted, rel_tol, abs_tol) if fits else None
