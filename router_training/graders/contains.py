"""Words or phrases that an answer must, may or must not contain, whole and not negated.

Reference: a text, a JSON list of which any suffices, or {"all": [...], "any": [...], "none": [...]}. It cannot judge what
is said about a phrase: an answer that merely quotes it, or doubts it without a "not", contains it.
"""

from __future__ import annotations

import json

from router_training.answer_text import mentions, normalise, whole

_KEYS = ("all", "any", "none")


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the answer contains what it must and nothing that it must not, None for a broken reference.

    Capitals and markup do not matter; "not Paris" does not contain Paris, and contains it where it must not.
    """
    key = _key(reference)
    if key is None:
        return None
    text = normalise(answer)
    has_all = all(mentions(text, normalise(phrase)) for phrase in key["all"])
    has_any = not key["any"] or any(mentions(text, normalise(phrase)) for phrase in key["any"])
    has_none = not any(whole(normalise(phrase)).search(text) for phrase in key["none"])
    return float(has_all and has_any and has_none)


def _key(reference: str) -> dict[str, list[str]] | None:
    try:
        value = json.loads(reference)
    except ValueError:
        value = reference
    if isinstance(value, list):
        value = {"any": value}
    if not isinstance(value, dict):
        value = {"all": [reference]}
    phrases = {name: value.get(name, []) for name in _KEYS}
    fits = set(value) <= set(_KEYS) and all(isinstance(found, list) for found in phrases.values())
    texts = [str(phrase) for found in phrases.values() for phrase in found] if fits else []
    return phrases if texts and all(normalise(text) for text in texts) else None
