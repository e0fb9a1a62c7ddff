"""The text in exactly these letters, capitals included, alone or as one piece of a sentence.

Reference: the text, or a JSON list of texts. It cannot judge an answer that offers another beside it ("MACHINE or ENGINE"): that
has no grade.
"""

from __future__ import annotations

import re

from router_training.answer_text import (
    alternatives,
    final_part,
    mentions,
    offers_another,
    plain,
    unfenced,
)


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the reference stands in the answer as a piece of its own, and is not denied; None for a blank reference.

    Spaces around + - / _ do not matter.
    """
    accepted = [text for text in alternatives(reference) if text.strip()]
    if not accepted:
        return None
    text = re.sub(r"\s*([+/_-])\s*", r"\1", final_part(unfenced(answer)))
    versions = (text, plain(text))
    pieces = {piece.strip(".,;:!?\"'()[]`*") for version in versions for piece in re.split(r"\s+", version)}
    found = [wanted for wanted in accepted if wanted in pieces]
    if found and offers_another(plain(text), found):
        return None
    return float(any(mentions(version, wanted) for wanted in found for version in versions))
