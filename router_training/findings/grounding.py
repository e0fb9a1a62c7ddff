"""Where the prompt gives a text to answer from: are the answer's quotes, sources, numbers and names in it?"""

from __future__ import annotations

import re

from router_training.answers.answer_checks import asks_number
from router_training.answers.finding import ABSENT, Finding
from router_training.answers.sought import Sought

KIND = "grounding"
MOST_CHARS = 50_000
FEWEST_WORDS = 30
GIVES_TEXT = Sought(
    (
        *("context", "passage", "text", "article", "document", "excerpt", "source", "paragraph", "email"),
        *("letter", "report", '"""'),
    ),
    r"(?:^|\n)\W{0,3}(?:context|passage|text|article|document|excerpt|source|sources|paragraph|email|letter|report)s?"
    r"(?: \d{1,2})?\W{0,3}:|\b(?:the |this )?(?:following|given|above|below|provided) (?:\w{1,15} )?"
    r"(?:context|passage|text|article|document|excerpt|sources?|paragraph|email|letter|report)\b"
    r"|\baccording to the (?:text|passage|article|context|document)\b|<(?:context|document|passage|text)>|\"\"\"",
)
COMPUTED = re.compile(
    r"\b(?:calculat|comput|how many|how much|total|sum|difference|average|translate|write a|code)\w*", re.I
)
QUOTE = re.compile(r"[\"“]([^\"“”\n]{12,300})[\"”]")
CITATION = re.compile(r"\[(\d{1,3})\]")
NUMBER = re.compile(r"(?<![\w.,])\d[\d,]{0,20}(?:\.\d{1,20})?")
NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]{2,30}(?: [A-Z][a-z]{2,30}){0,3}")
WORD = re.compile(r"[^\W_]+")
MONTHS_AND_DAYS = re.compile(
    r"\b(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)\b"
)


def find(prompt: str, answer: str) -> Finding:
    """Return the first thing that the answer takes from the given text and that is not there."""
    text, said = prompt[:MOST_CHARS], answer[:MOST_CHARS]
    if not GIVES_TEXT.search(text) or len(text.split()) < FEWEST_WORDS:
        return Finding(KIND, ABSENT, "the prompt gives no text to answer from")
    known = _words(text)
    missing = (
        ("invented source", [f"[{n}]" for n in CITATION.findall(said) if f"[{n}]" not in text]),
        ("invented quote", [quote for quote in QUOTE.findall(said) if _words(quote) not in known]),
        ("invented name", [name for name in NAME.findall(_undated(said)) if _words(name) not in known]),
        ("invented number", _numbers_beyond(text, said)),
    )
    for name, found in missing:
        if found:
            return Finding(KIND, name, f"not in the given text: {' '.join(found[0].split())[:60]}")
    return Finding(KIND, "grounded", "what the answer cites is in the given text")


def _numbers_beyond(text: str, said: str) -> list[str]:
    """Return the numbers that the text does not hold, where none had to be worked out."""
    if asks_number(text) or COMPUTED.search(text):
        return []
    known = {_plain(number) for number in NUMBER.findall(text)}
    return [
        number for number in NUMBER.findall(said) if _plain(number) not in known and len(_plain(number)) > 1
    ]


def _plain(number: str) -> str:
    bare = number.replace(",", "")
    return bare.rstrip("0").rstrip(".") if "." in bare else bare.lstrip("0") or "0"


def _undated(text: str) -> str:
    return MONTHS_AND_DAYS.sub("", text)


def _words(text: str) -> str:
    return f" {' '.join(WORD.findall(text.casefold()))} "
