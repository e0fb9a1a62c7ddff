"""Numbers as people write them: 1,234.5, 1.5e3, 3 1/2, 2 x 10^3, 3 million, forty-two, minus 7, 50%."""

from __future__ import annotations

import re

_ONES = [
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
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_VALUES = {word: float(i) for i, word in enumerate(_ONES)} | {
    word: 10.0 * (i + 2) for i, word in enumerate(_TENS)
}
_GAP = r"[\s-](?:and[\s-])?"
_SMALL = (
    rf"(?:(?:{'|'.join(_TENS)})(?:[\s-](?:{'|'.join(_ONES[1:10])})\b)?|(?:{'|'.join(reversed(_ONES))}))\b"
)
_AFTER_SCALE = "".join(rf"|(?<={scale}[\s-]){_SMALL}|(?<={scale}[\s-]and[\s-]){_SMALL}" for scale in _SCALES)
_WORDS = rf"\b{_SMALL}(?:{_GAP}(?:(?:{'|'.join(_SCALES)})\b{_AFTER_SCALE}))*"
_MARKS = ", '\u00a0\u2009\u202f"
_DIGITS = (
    rf"(?:\d{{1,3}}(?:\.\d{{3}})+,\d+(?!\d)|\d{{1,3}}(?:[{_MARKS}]\d{{3}})+(?!\d)(?:\.\d+)?"
    r"|\d+,\d{1,2}(?![\d,])|\d+(?:\.\d+)?|\.\d+(?!\w))"
)
_POWER = r"(?:\^|\*\*)\s?\{?[-+]?\d{1,3}\}?"
_SHOWN = (
    rf"(?<![\w.,/])[-+]?(?:\d+ \d+/\d+(?![\d/])|\d+\s?/\s?\d+(?![\d/.])|{_DIGITS}"
    rf"(?:[eE][-+]?\d{{1,3}}(?!\w)|\s?(?:[×x*·]|\\times)\s?10{_POWER}|{_POWER})?)"
    rf"(?:\s?(?:{'|'.join(_SCALES)})\b|[kK]\b)?"
)
NUMBER = re.compile(
    rf"(?:(?<!\d )(?<!\d)\b(?:minus|negative)\s+)?(?:{_SHOWN}|{_WORDS})(?:\s?(?:%|per ?cent\b))?",
    re.IGNORECASE,
)
"""Finds a number with its sign, scale and percent sign."""


def readings(shown: str) -> tuple[float, ...]:
    """Return what a text that NUMBER found may be worth: 50% is 50 or 0.5, 300K is 300 or 300,000; all else is one number.

    A comma before one or two last digits, or after points, is a decimal comma. Too large a power is infinite.
    """
    text = shown.lower().strip()
    bare = re.sub(r"\s?(?:%|per ?cent)$", "", text)
    kilo = bool(re.search(r"\dk$", bare))
    sign = -1.0 if re.match(r"-|minus|negative", bare) else 1.0
    value = sign * _value(re.sub(r"^(?:[-+]|(?:minus|negative)\s+[-+]?)", "", bare).removesuffix("k"))
    also = [value / 100.0] if bare != text else []
    return (value, *also, *([value * 1000.0] if kilo else []))


def _value(text: str) -> float:
    if not text[:1].isdigit() and text[:1] != ".":
        return _of_words(re.split(r"[\s-]+", text))
    scale = re.search(rf"\s?({'|'.join(_SCALES)})$", text)
    if scale:
        return _value(text[: scale.start()]) * _SCALES[scale.group(1)]
    return _of_digits(text)


def _of_words(words: list[str]) -> float:
    total = part = 0.0
    for word in words:
        if word in _VALUES:
            part += _VALUES[word]
        elif word == "hundred":
            part *= 100.0
        elif word in _SCALES:
            total, part = total + part * _SCALES[word], 0.0
    return total + part


def _of_digits(text: str) -> float:
    if "/" in text:
        whole, numerator, denominator = ["0", *re.findall(r"\d+", text)][-3:]
        return float(whole) + _over(float(numerator), float(denominator))
    power = re.fullmatch(r"(.*?)(\s?(?:[×x*·]|\\times)\s?10)?(?:\^|\*\*)\s?\{?([-+]?\d+)\}?", text)
    if power is None:
        return float(_with_point(text))
    base = _of_digits(power.group(1))
    try:
        return base * 10.0 ** int(power.group(3)) if power.group(2) else float(base ** int(power.group(3)))
    except (OverflowError, ZeroDivisionError):
        return float("inf")


def _over(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else float("inf")


def _with_point(text: str) -> str:
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+,\d+|\d+,\d{1,2}", text):
        return text.replace(".", "").replace(",", ".")
    return re.sub(rf"[{_MARKS}]", "", text)
