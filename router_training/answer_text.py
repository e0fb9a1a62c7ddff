"""Read the answer out of what a model wrote: final part, fences, markup, the mention that decides."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Sequence

_FINAL = re.compile(
    r"(?:^|\n|[.!?]\s|\*\*)[\s\d.)]{0,40}(?:so |thus |therefore,? )?(?:the )?(?:final |correct )?answer(?: is)?\s*[:=]+[\s*]*",
    re.IGNORECASE,
)
_FENCE = re.compile(r"```[a-zA-Z0-9_+-]*[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_LATEX = re.compile(r"\\(?:boxed|text|mathrm)\{([^{}]*)\}|\\[()\[\]]|\\,")
_MARKUP = re.compile(r"\*\*|\*(?=\w)|(?<=\w)\*(?!\s?\d)|__|`|^#+\s*", re.MULTILINE)
_SIGNS = str.maketrans({"“": '"', "”": '"', "’": "'", "‘": "'", "«": '"', "»": '"', "−": "-", "–": "-"})
_NEGATED = re.compile(
    r"\b(?:not|isn't|never|nor|rather than|instead of)\s+(?:(?:an?|the|in|any\w*|offer|very|really)\s+){0,3}[\"'$(]*$",
    re.IGNORECASE,
)
_DECIDES = re.compile(
    r"(?:\bis|\bare|\bwas|\bbe|\bas|\bunder|\b(?:category|topic|section|sentiment) of|\bequals?|\bequal to|\bmakes?|\bgives?|\bto|[:=]|->|→|≈)\s*[\"'$€£(]*$",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_LONG = 60
_NEAR = 120  # characters before a mention that can negate or state it


def final_part(answer: str) -> str:
    """Return what follows the last "Answer:", or the whole text when nothing does."""
    text = answer.strip()
    last = None
    for match in _FINAL.finditer(text):
        last = match
    rest = text[last.end() :].strip() if last else ""
    return rest if rest.strip(" *`$.") else text


def unfenced(answer: str) -> str:
    """Return the text of the last fenced block, or the whole text when there is none."""
    blocks: list[str] = _FENCE.findall(answer)
    return blocks[-1].strip() if blocks else answer.strip()


def fenced_blocks(answer: str) -> list[str]:
    """Return the texts of all fenced blocks; a block that was cut off counts."""
    return list(_FENCE.findall(answer))


def plain(text: str) -> str:
    """Drop markup and unify quotes and dashes; letters keep their case."""
    bare = _LATEX.sub(lambda match: match.group(1) or " ", text.translate(_SIGNS))
    return _MARKUP.sub("", bare).strip()


def normalise(text: str) -> str:
    """Return the text case-folded, without markup, outer punctuation and doubled spaces."""
    folded = unicodedata.normalize("NFC", plain(text)).casefold()
    return re.sub(r"\s+", " ", folded).strip(" .,;:!?¡¿\"'()[]")


def without_accents(text: str) -> str:
    """Return the text with accents removed: é becomes e."""
    return "".join(sign for sign in unicodedata.normalize("NFD", text) if not unicodedata.combining(sign))


def alternatives(reference: str) -> list[str]:
    """Return the accepted answers of a reference: the members of a JSON list, or the text itself."""
    try:
        value = json.loads(reference)
    except ValueError:
        return [reference]
    return [str(member) for member in value] if isinstance(value, list) else [reference]


def gist(text: str) -> str:
    """Return a short text whole, and of a long one the first two sentences and the last."""
    if len(text.split()) <= _LONG:
        return text
    sentences = [part for part in _SENTENCE.split(text) if part.strip()]
    return " \n ".join([*sentences[:2], *sentences[2:][-1:]])


def mentions(text: str, phrase: str) -> bool:
    """Tell whether `phrase` occurs in `text` as whole words and is not negated there."""
    found = re.finditer(rf"(?<![\w]){re.escape(phrase)}(?![\w])", text)
    return any(not _NEGATED.search(_before(text, match)) for match in found)


def stated(text: str, pattern: re.Pattern[str]) -> str | None:
    """Return the last mention of `pattern` that stands right after "is", "=", ":" and the like."""
    found = [match for match in _affirmed(text, pattern) if _DECIDES.search(_before(text, match))]
    return found[-1].group() if found else None


def _affirmed(text: str, pattern: re.Pattern[str]) -> list[re.Match[str]]:
    return [match for match in pattern.finditer(text) if not _NEGATED.search(_before(text, match))]


def _before(text: str, match: re.Match[str]) -> str:
    """Return what stands just before a mention: a bounded stretch, or a long answer would take minutes."""
    return text[max(0, match.start() - _NEAR) : match.start()]


def decisive(text: str, pattern: re.Pattern[str]) -> str | None:
    """Return the mention of `pattern` that gives the answer, None when all are negated or absent.

    A stated mention beats others; a mention that opens the text beats later ones; otherwise the last one counts.
    """
    found, told = _affirmed(text, pattern), stated(text, pattern)
    if told or not found:
        return told
    opening = not text[: found[0].start()].strip(" \"'($€£-*")
    return found[0].group() if opening else found[-1].group()


def label_pattern(labels: Sequence[str], escape: Callable[[str], str] = re.escape) -> re.Pattern[str]:
    """Return a pattern that finds any of the labels as a whole word, longest first."""
    ordered = sorted(labels, key=len, reverse=True)
    return re.compile(rf"(?<![\w./-])(?:{'|'.join(map(escape, ordered))})(?![\w/]|[.]\d)", re.IGNORECASE)
