"""One label out of several. Reference: {"label": ..., "labels": [...], "meanings": [...]?}.

It cannot judge an answer that argues for one label and never names it, nor irony; in a long answer a label counts only where it is
stated ("is", ":", "the answer").
"""

from __future__ import annotations

import json
import re
from fractions import Fraction

from router_training.answer_text import (
    affirmed,
    final_part,
    gist,
    label_pattern,
    normalise,
    one_of_two,
    plain,
    settled,
    stated,
    unfenced,
)

_IS_THE = r"(?:['\"]*,? (?:is|was|has|would be|comes) (?:the|a|an)\b)"
_SHORT = 20
_ROUNDING = Fraction(1, 1000)
_NUMBER = re.compile(r"(?<![\w./-])-?\d{1,18}(?:[./]\d{1,18})?%?(?![\w/]|[.]\d)")
_OPENING = re.compile(r"^[\"'(\[]*(yes|no)\b", re.IGNORECASE)
_OTHER = re.compile(r"[\"')\]]*,?\s*(?:/|\bor\b|\band\b)\s*[\"'(\[]*(?:yes|no)\b", re.IGNORECASE)
_NAMED = re.compile(
    r"\b(?:answer|option|choice|letter|choose|pick|select|go with|so|therefore|thus)(?: is| must be| would be)?[:, ]+[\"'(\[]*$",
    re.IGNORECASE,
)
_AFTER_LETTER = "or|and|is|because|as|since|for"
_NEAR = 40
_FEW = 8


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
    if opening and not _OTHER.match(text, opening.end()) and opening.group(1).lower() in labels:
        return opening.group(1).lower()
    numbers = all(_NUMBER.fullmatch(label) for label in labels)
    pattern = _NUMBER if numbers else label_pattern(labels)
    text = _enumeration(labels).sub(" ", text)
    subject = re.findall(f"({pattern.pattern}){_IS_THE}", text, re.IGNORECASE)
    told = subject[-1] if subject else _settled(text, pattern) or _undisputed(text, pattern, labels)
    if told is not None and numbers:
        return _same_value(told, labels)
    return normalise(told) if told else None


def _settled(text: str, pattern: re.Pattern[str]) -> str | None:
    """Return the last stated label, None where none is stated, or where two are offered."""
    told = stated(text, pattern)
    return told if told is not None and settled(text, pattern) is not None else None


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
    """Return the label of a short text that does not merely repeat all labels; what it denies is not repeated."""
    named = {normalise(match.group()) for match in affirmed(text, pattern)}
    if len(text.split()) > _SHORT or named >= {normalise(label) for label in labels}:
        return None
    return settled(text, pattern)


def _letter(text: str, labels: list[str], meanings: list[str]) -> str | None:
    """Return the letter that is the answer: the whole of it, named as it, at its start, alone in brackets, by its meaning, alone."""
    whole = re.fullmatch(rf"[\"'(\[]*([{''.join(labels)}])[).:\]\"',]*", text, re.IGNORECASE)
    if whole:
        return whole.group(1).upper()
    mention = _mention(labels)
    found = [match for match in affirmed(text, mention) if not one_of_two(text, match, mention)]
    named = [match for match in found if _NAMED.search(text[max(0, match.start() - _NEAR) : match.start()])]
    brackets = {match.group() for match in found if text[match.end() : match.end() + 1] == ")"}
    if named or (found and not brackets >= set(labels) and not text[: found[0].start()].strip("\"'([")):
        return named[-1].group() if named else found[0].group()
    if brackets:
        return brackets.pop() if len(brackets) == 1 else None
    folded = [normalise(meaning) for meaning in meanings]
    told = settled(normalise(text), label_pattern(folded))
    if told in folded:
        return labels[folded.index(told)]
    bare = {match.group() for match in found} if len(text.split()) <= _FEW else set()
    return bare.pop() if len(bare) == 1 else None


def _mention(labels: list[str]) -> re.Pattern[str]:
    """Return a pattern for a letter that stands for a choice; "A" and "I" before a word are words of a sentence."""
    plain_letters = "".join(label for label in labels if label not in ("A", "I"))
    words = rf"[AI](?!\s+(?!(?:{_AFTER_LETTER})\b)[a-z])"
    letters = rf"(?:[{plain_letters}]|{words})" if plain_letters else words
    return re.compile(rf"(?<![\w'-]){letters}(?![\w'-])")
