"""Exactly the reference, but for white space around it. Reference: the text, or a JSON list of texts.

It cannot judge an answer in a sentence, or in other capitals: exact_normalised can.
"""

from __future__ import annotations

from router_training.answer_text import alternatives


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the answer is one of the accepted texts, character by character, None for a blank reference."""
    accepted = {text.strip() for text in [reference, *alternatives(reference)]} - {""}
    return float(answer.strip() in accepted) if alternatives(reference) and accepted else None
