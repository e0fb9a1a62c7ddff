"""One label out of several. Reference: {"label": ..., "labels": [...], "meanings": [...]?}."""

from __future__ import annotations

import json
import re
from fractions import Fraction

from router_training.answer_text import (
    decisive,
    final_part,
    gist,
    label_pattern,
    normalise,
    plain,
    stated,
    unfenced,
)

_IS_THE = r"(?:['\"]*,? (?:is|was|has|would be|comes) (?:the|a|an)\b)"
_SHORT = 20
_ROUNDING = Fraction(1, 1000)
_NUMBER = re.compile(r"(?<![\w./-])-?\d+(?:[./]\d+)?%?(?![\w/]|[.]\d)")
_OPENING = re.compile(r"^[\"'(\[]*(yes|no)\b", re.IGNORECASE)


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the answer states the right label, 0 if another or none, None for a broken reference.

    With `meanings` (the texts behind the letters) the text alone counts as its letter.
    """
    try:
        key = json.loads(reference)
        right, labels = str(key["label"]), [str(label) for label in key["labels"]]
    except (ValueError, KeyError, TypeError):
        return None
    text = gist(final_part(plain(unfenced(answer)))).strip()
    if "meanings" in key:
        return float(_letter(text, labels, [str(meaning) for meaning in key["meanings"]]) == right)
    return float(_label(text, labels) == normalise(right))


def _label(text: str, labels: list[str]) -> str | None:
    if normalise(text) in {normalise(label) for label in labels}:
        return normalise(text)
    opening = _OPENING.match(text)
    if opening and opening.group(1).lower() in labels:
        return opening.group(1).lower()
    numbers = all(_NUMBER.fullmatch(label) for label in labels)
    pattern = _NUMBER if numbers else label_pattern(labels)
    text = _enumeration(labels).sub(" ", text)
    subject = re.findall(f"({pattern.pattern}){_IS_THE}", text, re.IGNORECASE)
    told = subject[-1] if subject else stated(text, pattern) or _undisputed(text, pattern, labels)
    if told is not None and numbers:
        return _same_value(told, labels)
    return normalise(told) if told else None


def _enumeration(labels: list[str]) -> re.Pattern[str]:
    """Return a pattern for all labels in a row, as the question lists them."""
    one = f"['\"]?(?:{'|'.join(re.escape(label) for label in sorted(labels, key=len, reverse=True))})['\"]?"
    return re.compile(
        rf"(?<![\w./-]){one}(?:(?:,? (?:or|and) |, | ?/ ?){one}){{{len(labels) - 1}}}(?!\w)", re.IGNORECASE
    )


def _same_value(told: str, labels: list[str]) -> str | None:
    """Return the label with this value: 0.3 and 0.30 mean 3/10."""
    close = [label for label in labels if abs(_value(label) - _value(told)) < _ROUNDING]
    return normalise(close[0]) if len(close) == 1 else None


def _value(shown: str) -> Fraction:
    number = Fraction(0) if re.search(r"/0+(?!\d)", shown) else Fraction(shown.rstrip("%"))
    return number / 100 if shown.endswith("%") else number


def _undisputed(text: str, pattern: re.Pattern[str], labels: list[str]) -> str | None:
    """Return the label of a short text that does not merely repeat all labels."""
    named = {normalise(match.group()) for match in pattern.finditer(text)}
    if len(text.split()) > _SHORT or named >= {normalise(label) for label in labels}:
        return None
    return decisive(text, pattern)


def _letter(text: str, labels: list[str], meanings: list[str]) -> str | None:
    letters = "".join(labels)
    marked = re.match(rf"^[\"'(\[]*([{letters}])(?:[).:\]\"',]|$)", text)
    stated = marked or re.search(
        rf"(?:answer|option|choice|letter)(?: is)?[: ]+[\"'(]*([{letters}])\b", text, re.IGNORECASE
    )
    stated = stated or re.search(rf"(?<![\w'])([{letters}])\)", text)
    if stated:
        return stated.group(1).upper()
    told = decisive(normalise(text), label_pattern([normalise(meaning) for meaning in meanings]))
    folded = [normalise(meaning) for meaning in meanings]
    return labels[folded.index(told)] if told in folded else None
