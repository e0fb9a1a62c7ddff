"""The number that the answer states, compared with the reference number."""

from __future__ import annotations

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
    """Return 1 if the stated number equals the reference, 0 if not, None if the reference is no number.

    A bare sequence of numbers states its last one: the question restated and continued.
    """
    try:
        wanted = float(reference.replace(",", ""))
    except ValueError:
        return None
    text = final_part(plain(answer))
    text = _LIST_MARK.sub("", text) if len(_LIST_MARK.findall(text)) > 1 else text
    text = text.translate(_CURRENCY)
    sequence = _SEQUENCE.fullmatch(text)
    told = _NUMBER.findall(text)[-1] if sequence else decisive(text, _NUMBER)
    return float(
        told is not None and math.isclose(_value(told), wanted, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    )


def _value(shown: str) -> float:
    word = shown.lower()
    return float(_WORDS.index(word)) if word in _WORDS else float(re.sub(r"[, ]", "", shown))
