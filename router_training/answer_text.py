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
_FENCE = re.compile(
    r"```(?:[a-zA-Z0-9_+-]*[ \t]*\n|(?:json|python|sql|text|xml|yaml)[ \t]+)?(.*?)(?:```|\Z)", re.DOTALL
)
_LATEX = re.compile(r"\\(?:boxed|text|mathrm)\{([^{}]*)\}|\\[()\[\]]|\\,")
_MARKUP = re.compile(r"\*\*|\*(?=\w)|(?<=\w)\*(?!\s?\d)|__|`|^#+\s*", re.MULTILINE)
_SIGNS = str.maketrans(
    {"“": '"', "”": '"', "’": "'", "‘": "'", "«": '"', "»": '"', "−": "-", "–": "-", "\u200b": ""}
)
_NEGATED = re.compile(
    r"(?:(?:\b(?:not|cannot|never|nor|neither|hardly|rather than|instead of)|n't|\b(?:i|we)(?:\s\w+ly)? doubt)\s+"
    r"(?:(?:an?|the|in|any\w*|offer|very|really|be|equal|to|it|it's|is|that|think|believe|say|definitely|option|choice)"
    r"\s+){0,6}|\bnon-)[\"'$(]*$",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"[\"')\]}*$]*\s*(?:(?:is|was|are|would be|seems)\s+(?:\w+ly\s+|also\s+)?(?:wrong|incorrect|false|impossible|ruled out"
    r"|not\s+(?:the\s+|a\s+)?(?:right|correct|possible|true|answer))"
    r"|(?:isn't|wasn't|can't be|cannot be)\s+(?:the\s+)?(?:right|correct|possible|true|answer))\b",
    re.IGNORECASE,
)
_OR = re.compile(
    r"[\"')\].*%]*(?:\s+\w+){0,2}?,?\s+(?:or|and/or)\s+(?:\w+\s+){0,2}?[\"'($(*€£]*", re.IGNORECASE
)
_DECIDES = re.compile(
    r"(?:\bis|\bare|\bwas|\bbe|\bas|\bunder|\b(?:category|topic|section|sentiment) of|\bequals?|\bequal to|\bmakes?|\bgives?|\bto|[:=]|->|→|≈)\s*[\"'$€£(]*$",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_LONG = 60
_NEAR = 120  # characters before a mention that can negate or state it

Same = Callable[[re.Match[str], re.Match[str]], bool]


def _alike(one: re.Match[str], other: re.Match[str]) -> bool:
    return one.group().lower() == other.group().lower()


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
    """Tell whether `phrase` occurs in `text` as whole words and is not denied there."""
    return bool(affirmed(text, whole(phrase)))


def whole(phrase: str) -> re.Pattern[str]:
    """Return a pattern that finds a phrase as whole words: no 5 in -5, 3.5 or 1,005, no C in C++ or C#."""
    before = r"(?<!\d[.,])(?<!(?<!\w)-)" if phrase[:1].isdigit() else ""
    return re.compile(rf"(?<!\w){before}{re.escape(phrase)}(?!\w|\+\+|#|[.,]\d)")


def offers_another(text: str, phrases: Sequence[str]) -> bool:
    """Tell whether `text` names each of these phrases beside something else and decides for neither: "Paris or Lyon"."""
    found = [match for phrase in phrases for match in affirmed(text, whole(phrase))]
    known = "|".join(re.escape(phrase) for phrase in phrases)
    after = re.compile(rf",?\s+or\s+(?!{known})\w")
    before = re.compile(rf"\w(?<!{known}),?\s+or\s+$") if len(phrases) == 1 else re.compile(r"\w,?\s+or\s+$")
    return bool(found) and all(
        after.match(text, match.end()) or before.search(_before(text, match)) for match in found
    )


def affirmed(text: str, pattern: re.Pattern[str]) -> list[re.Match[str]]:
    """Return the mentions of `pattern` that are neither negated before nor called wrong after."""
    return [
        match
        for match in pattern.finditer(text)
        if not _NEGATED.search(_before(text, match)) and not _DENIED.match(text, match.end())
    ]


def stated(text: str, pattern: re.Pattern[str]) -> str | None:
    """Return the last mention of `pattern` that stands right after "is", "=", ":" and the like."""
    found = [match for match in affirmed(text, pattern) if _DECIDES.search(_before(text, match))]
    return found[-1].group() if found else None


def decisive(text: str, pattern: re.Pattern[str]) -> str | None:
    """Return the mention of `pattern` that gives the answer, None when all are denied or absent.

    A stated mention beats others; a mention that opens the text beats later ones; otherwise the last one counts.
    """
    match = _deciding(text, pattern)
    return match.group() if match else None


def settled(text: str, pattern: re.Pattern[str], same: Same = _alike) -> str | None:
    """Return the decisive mention, None where it is offered as one of two: "42 or 43"."""
    match = _deciding(text, pattern)
    return None if match is None or one_of_two(text, match, pattern, same) else match.group()


def one_of_two(text: str, match: re.Match[str], pattern: re.Pattern[str], same: Same = _alike) -> bool:
    """Tell whether "or" joins this mention of `pattern` to another that is not the same."""
    found = list(pattern.finditer(text, max(0, match.start() - _NEAR), match.end() + _NEAR))
    spans = [one.span() for one in found]
    at = spans.index(match.span()) if match.span() in spans else len(found)
    pairs = zip(found[max(0, at - 1) : at + 1], found[max(1, at) : at + 2], strict=False)
    return any(
        _OR.fullmatch(text[first.end() : second.start()]) is not None and not same(first, second)
        for first, second in pairs
    )


def _deciding(text: str, pattern: re.Pattern[str]) -> re.Match[str] | None:
    found = affirmed(text, pattern)
    told = [match for match in found if _DECIDES.search(_before(text, match))]
    if told or not found:
        return told[-1] if told else None
    opening = not text[: found[0].start()].strip(" \"'($€£-*")
    return found[0] if opening else found[-1]


def _before(text: str, match: re.Match[str]) -> str:
    """Return what stands just before a mention: a bounded stretch, or a long answer would take minutes."""
    return text[max(0, match.start() - _NEAR) : match.start()]


def label_pattern(labels: Sequence[str], escape: Callable[[str], str] = re.escape) -> re.Pattern[str]:
    """Return a pattern that finds any of the labels as a whole word, longest first."""
    ordered = sorted(labels, key=len, reverse=True)
    return re.compile(rf"(?<![\w./-])(?:{'|'.join(map(escape, ordered))})(?![\w/]|[.]\d)", re.IGNORECASE)
