"""A translation out of several accepted ones; accents, case and a sentence around it do not matter.

Reference: the text, or a JSON list of texts. It cannot judge a good translation that is not in the list, nor one of several that are
offered: any right one counts.
"""

from __future__ import annotations

from router_training.answer_text import (
    alternatives,
    final_part,
    gist,
    mentions,
    normalise,
    unfenced,
    without_accents,
)


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the answer is, or contains, an accepted translation, None for a blank reference."""
    text = without_accents(gist(normalise(final_part(unfenced(answer))))).replace(",", "")
    accepted = [without_accents(normalise(wanted)).replace(",", "") for wanted in alternatives(reference)]
    accepted = [wanted for wanted in accepted if wanted.strip()]
    return float(any(mentions(text, wanted) for wanted in accepted)) if accepted else None
