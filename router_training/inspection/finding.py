"""One thing that was looked at in a table, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Weight(StrEnum):
    """How much a finding matters."""

    FINE = "fine"
    KNOW = "to know"
    MEND = "to mend"


@dataclass(frozen=True, slots=True)
class Finding:
    """`about` names what was looked at; `said` gives figures and, where something is to be mended, the remedy."""

    about: str
    weight: Weight
    said: str


def fine(about: str, said: str) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(about, Weight.FINE, said)


def know(about: str, said: str) -> Finding:
    """Return a finding to bear in mind."""
    return Finding(about, Weight.KNOW, said)


def mend(about: str, said: str) -> Finding:
    """Return a finding that spoils what is learned or judged."""
    return Finding(about, Weight.MEND, said)
