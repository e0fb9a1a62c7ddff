"""Is this an answer at all: empty, declined, going in circles, cut off, the question over again?"""

from __future__ import annotations

import re

from router_training.answers import answer_checks as checks
from router_training.answers.finding import Finding

KIND = "completeness"
EMPTY = "empty"
FEWEST_COPIED = 6
COPIED_SHARE = 0.9
ASKS_COPY = re.compile(r"\b(?:repeat|copy|echo|quote|rewrite|retype|correct|proofread)\b", re.IGNORECASE)


def find(prompt: str, answer: str, finish_reason: str | None = None) -> Finding:
    """Return the gravest flaw that spoils an answer whatever was asked."""
    flaws = (
        (checks.is_empty(answer), EMPTY, "the answer is empty"),
        (checks.is_refusal(answer), "declined", "the model declines to answer"),
        (checks.is_repetitive(answer), "repeated", "the answer repeats itself"),
        (is_copy(prompt, answer), "copied", "the answer is the question over again"),
        (finish_reason == "length", "at limit", "the answer hit its token limit"),
        (checks.is_cut_off(answer), "cut off", "the answer stops in the middle"),
    )
    for found, name, reason in flaws:
        if found:
            return Finding(KIND, name, reason)
    return Finding(KIND, "complete", "the answer is complete")


def is_copy(prompt: str, answer: str) -> bool:
    """Tell whether an answer is most of the prompt and nothing else, where it was not asked to be."""
    said = _words(answer)
    if said.count(" ") + 1 < FEWEST_COPIED:
        return False
    asked = _words(prompt)
    return len(said) >= COPIED_SHARE * len(asked) and said in asked and not ASKS_COPY.search(prompt)


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
