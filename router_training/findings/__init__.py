"""Each file here is one kind of check of an answer: `find(prompt, answer)` says what it found, whatever that is worth.

`answer` is what `answers.shown` leaves of it. What a finding is worth is measured on graded answers: see
`router_training.likelihood`.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from router_training.answers.finding import Finding
from router_training.answers.shown import shown


def kinds() -> tuple[str, ...]:
    """Return the names of all checks, sorted."""
    return tuple(sorted(module.name for module in iter_modules(__path__)))


def findings(prompt: str, answer: str) -> tuple[Finding, ...]:
    """Return what every check finds in an answer, in the order of `kinds`."""
    text = shown(answer)
    return tuple(import_module(f"{__name__}.{kind}").find(prompt, text) for kind in kinds())
