"""A task of reasoning-gym, scored by the rules of its own data set. Reference: {"dataset": "leg_counting", "entry": {...}}.

`entry` is what reasoning-gym made, with question, answer and metadata (extra `reasoning-gym`). It cannot judge what a data
set's own rules do not: some give 0.01 to a wrong answer that is well formed, and it stays so.
"""

from __future__ import annotations

import json

from router_training.answer_text import final_part, plain
from router_training.extras import needed


def grade(answer: str, reference: str) -> float | None:
    """Return the data set's own score of the stated answer, in [0, 1]; None for a broken reference or unknown data set."""
    gym = needed("reasoning_gym", "reasoning-gym", "the grader reasoning_gym")
    try:
        key = json.loads(reference)
        name, entry = str(key["dataset"]), dict(key["entry"])
        score = gym.get_score_answer_fn(name)
    except (ValueError, KeyError, TypeError):
        return None
    try:
        found = max(
            float(score(text, entry)) for text in (final_part(answer), plain(final_part(answer)).rstrip("."))
        )
    except Exception:  # noqa: BLE001  # a hundred data sets by many hands: what they raise is not ours to know
        return None
    return min(max(found, 0.0), 1.0)
