"""The accepted text, or one of several, alone or stated in a sentence; case and outer marks do not matter."""

from __future__ import annotations

import re

from router_training.answer_text import (
    alternatives,
    decisive,
    final_part,
    gist,
    mentions,
    normalise,
    unfenced,
)

_LETTER = re.compile(r"(?<!\w)(?<!\w')[a-z](?!\w|'\w)")


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the answer is, or states, one of the accepted texts.

    A single letter must be the letter that the answer states, not any letter in it.
    """
    accepted = [normalise(text) for text in alternatives(reference)]
    text = normalise(final_part(unfenced(answer)))
    if text in accepted:
        return 1.0
    if all(len(wanted) == 1 and wanted.isalpha() for wanted in accepted):
        return float(decisive(text, _LETTER) in accepted)
    return float(any(mentions(gist(text), wanted) for wanted in accepted))
