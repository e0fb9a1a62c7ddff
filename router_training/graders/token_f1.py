"""How many words answer and reference share, as F1. Reference: a text, or a JSON list of which the nearest counts.

It cannot judge truth: "not" is one word among others, and a long answer loses to a short one that says the same.
"""

from __future__ import annotations

from collections import Counter

from router_training.answer_text import alternatives, final_part
from router_training.graders.rouge_l import words


def grade(answer: str, reference: str) -> float | None:
    """Return the F1 of words without articles and punctuation, None for a reference without words.

    As in "SQuAD: 100,000+ Questions for Machine Comprehension of Text" (2016), section 6.1.
    """
    said = words(final_part(answer))
    wanted = [found for text in alternatives(reference) if (found := words(text))]
    return max((_f1(said, text) for text in wanted), default=None)


def _f1(said: list[str], wanted: list[str]) -> float:
    return 2 * sum((Counter(said) & Counter(wanted)).values()) / (len(said) + len(wanted))
