"""The longest run of words in common, in order, gaps allowed, as F1. Reference: a text, or a JSON list of which the nearest counts.

It cannot judge truth or fluency: it sees which words stand in which order, nothing else.
"""

from __future__ import annotations

import re

from router_training.answer_text import alternatives, plain

_MOST_WORDS = 2_000
_ARTICLES = {"a", "an", "the"}


def grade(answer: str, reference: str) -> float | None:
    """Return the F-measure (beta 1) of the longest common subsequence of words, None for a reference without words.

    As in "ROUGE: A Package for Automatic Evaluation of Summaries" (2004), section 3.1, over the whole answer; words beyond
    the first 2,000 are not read.
    """
    said = words(answer)[:_MOST_WORDS]
    wanted = [found for text in alternatives(reference) if (found := words(text)[:_MOST_WORDS])]
    return max((2 * _common(said, text) / (len(said) + len(text)) for text in wanted), default=None)


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without articles and punctuation."""
    return [word for word in re.findall(r"\w+", plain(text).casefold()) if word not in _ARTICLES]


def _common(one: list[str], other: list[str]) -> int:
    row = [0] * (len(other) + 1)
    for word in one:
        corner = 0
        for j, theirs in enumerate(other, 1):
            corner, row[j] = row[j], corner + 1 if word == theirs else max(row[j], row[j - 1])
    return row[-1]
