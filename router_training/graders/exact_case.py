"""The text in exactly these letters, capitals included, alone or as one piece of a sentence."""

from __future__ import annotations

import re

from router_training.answer_text import alternatives, final_part, plain, unfenced


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the reference stands in the answer as a piece of its own; spaces around + - / _ do not matter."""
    text = re.sub(r"\s*([+/_-])\s*", r"\1", final_part(unfenced(answer)))
    pieces = {
        piece.strip(".,;:!?\"'()[]`*")
        for version in (text, plain(text))
        for piece in re.split(r"\s+", version)
    }
    return float(any(wanted in pieces for wanted in alternatives(reference)))
