"""A set of e-mail addresses. Reference: a JSON list; [] where there is none to find.

It cannot judge what is said about an address: one that is named only to be ruled out counts as named.
"""

from __future__ import annotations

import re

from router_training.answer_text import alternatives, final_part, plain

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]+(?:\.[\w-]+)+")


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the answer names exactly these addresses, in any order and with any words around."""
    wanted = {address.lower() for address in alternatives(reference)}
    found = {address.lower() for address in _EMAIL.findall(final_part(answer))}
    return float(wanted in (found, {plain(address) for address in found}))
