"""Initials: capitals or not, with or without points and spaces."""

from __future__ import annotations

import re

from router_training.answer_text import final_part, plain, unfenced


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the answer is the reference's letters, or names them in capitals as one word."""
    text = final_part(plain(unfenced(answer)))
    wanted = reference.upper()
    if re.sub(r"[^A-Za-z]", "", text).upper() == wanted:
        return 1.0
    words = {re.sub(r"[.\-]", "", word) for word in re.findall(r"[A-Za-z](?:[.\-]?[A-Za-z])*", text)}
    return float(wanted in words)
