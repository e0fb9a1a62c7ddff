"""Each file here is one way to score an answer; its name is the file's name.

A grader offers `grade(answer, reference) -> float | None`: 1 for an answer that a person would accept, 0 for one
that they would not, None when it cannot judge.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules

from router_training.contract import UsageError

Grader = Callable[[str, str], float | None]


def available() -> tuple[str, ...]:
    """Return the names of all graders, sorted."""
    return tuple(sorted(module.name for module in iter_modules(__path__)))


def load(name: str) -> Grader:
    """Return the `grade` function of the grader called `name`.

    Raises:
        UsageError: if no grader has that name.
    """
    if name not in available():
        raise UsageError(f"unknown grader {name!r}; choose one of {', '.join(available())}")
    grade: Grader = import_module(f"{__name__}.{name}").grade
    return grade
