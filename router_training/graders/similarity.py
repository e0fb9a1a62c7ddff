"""How near the meaning of the answer is to the reference's, as the cosine of their vectors.

Reference: a text, or {"text": ..., "at_least": 0.8}, which makes it 1 or 0. It cannot judge truth: "The bridge is safe" and
"The bridge is not safe" are neighbours. Use it for tone and topic, never for facts.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router_training.embedding import Encoder


def grade(answer: str, reference: str) -> float | None:
    """Return the cosine, at least 0, or whether it reaches `at_least`; 0 for a blank answer.

    None for a blank reference, or an `at_least` outside 0 to 1.
    """
    text, at_least = _key(reference)
    if not text.strip() or not 0.0 <= (at_least or 0.0) <= 1.0:
        return None
    if not answer.strip():
        return 0.0
    one, other = _encoder().encode([answer, text])
    cosine = min(max(float(one @ other), 0.0), 1.0)
    return cosine if at_least is None else float(cosine >= at_least)


def _key(reference: str) -> tuple[str, float | None]:
    try:
        key = json.loads(reference)
        text, at_least = str(key["text"]), key.get("at_least")
    except (ValueError, KeyError, TypeError):
        return reference, None
    known = at_least is None or (isinstance(at_least, int | float) and not isinstance(at_least, bool))
    return text, at_least if known else -1.0


@cache
def _encoder() -> Encoder:
    from router_training.embedding import load_encoder  # spares onnxruntime

    return load_encoder()
