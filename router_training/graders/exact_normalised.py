"""The accepted text, or one of several, alone or stated in a sentence; case and outer marks do not matter.

Reference: the text, or a JSON list of texts. It cannot judge an answer that offers another beside it ("Paris or Lyon"): that has
no grade. Nor what is said about the text in other words than "not" and "is wrong"; North Paris is Paris.
"""

from __future__ import annotations

import re

from router_training.answer_text import (
    alternatives,
    final_part,
    gist,
    mentions,
    normalise,
    offers_another,
    settled,
    unfenced,
)

_LETTER = re.compile(r"(?<!\w)(?<!\w')[a-z](?!\w|'\w|\+\+|#)")


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the answer is, or states, one of the accepted texts; None for a blank reference or an answer of two.

    A single letter must be the letter that the answer states, not any letter in it.
    """
    accepted = [text for text in map(normalise, alternatives(reference)) if text]
    if not accepted:
        return None
    text = normalise(final_part(unfenced(answer)))
    if text in accepted:
        return 1.0
    if all(len(wanted) == 1 and wanted.isalpha() for wanted in accepted):
        return float(settled(text, _LETTER) in accepted)
    text = gist(text)
    if offers_another(text, accepted):
        return None
    return float(any(mentions(text, wanted) for wanted in accepted))
