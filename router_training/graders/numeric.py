"""The number that the answer states. Reference: a number, or {"value": 3.14, "abs": 0.01, "rel": 0.0}.

It cannot judge units (12 km and 12 miles are both 12), fractions (1/2) or formulas: math_equal reads those.
"""

from __future__ import annotations

import json
import math
import re

from router_training.answer_text import decisive, final_part, plain

_WORDS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]
_NUMBER = re.compile(
    rf"(?<![\w.,])-?(?:\d{{1,3}}(?:[, ]\d{{3}})+(?!\d)|\d+)(?:\.\d+)?|\b(?:{'|'.join(_WORDS)})\b",
    re.IGNORECASE,
)
_LIST_MARK = re.compile(r"^\s*\d+[.)]\s+(?=\S)", re.MULTILINE)
_SEQUENCE = re.compile(r"-?\d+(?:, -?\d+){2,}\.?")
_CURRENCY = str.maketrans("", "", "$£€")
_TOLERANCE = 1e-6


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the stated number is the reference within its tolerance, 0 if not, None if the reference is no number.

    A bare sequence of numbers states its last one: the question restated and continued.
    """
    try:
        wanted, rel_tol, abs_tol = _key(reference)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    text = final_part(plain(answer))
    text = _LIST_MARK.sub("", text) if len(_LIST_MARK.findall(text)) > 1 else text
    text = text.translate(_CURRENCY)
    sequence = _SEQUENCE.fullmatch(text)
    told = _NUMBER.findall(text)[-1] if sequence else decisive(text, _NUMBER)
    return float(told is not None and math.isclose(_value(told), wanted, rel_tol=rel_tol, abs_tol=abs_tol))


def _key(reference: str) -> tuple[float, float, float]:
    """Return the wanted number, and how far from it an answer may be: relatively and absolutely, whichever is more."""
    if not reference.lstrip().startswith("{"):
        return float(reference.replace(",", "")), _TOLERANCE, _TOLERANCE
    key = json.loads(reference)
    return float(key["value"]), float(key.get("rel", _TOLERANCE)), float(key.get("abs", _TOLERANCE))


def _value(shown: str) -> float:
    word = shown.lower()
    return float(_WORDS.index(word)) if word in _WORDS else float(re.sub(r"[, ]", "", shown))
