"""Each file here is one way to score an answer; its name is the file's name.

A grader offers `grade(answer, reference) -> float | None`: 1 for an answer that a person would accept, 0 for one
that they would not, between them where the measure is a degree, None when it cannot judge. Its first line says what it
accepts, its docstring what it cannot judge. A function of one's own is named `module:function` or `file.py:function`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from router_training.contract import UsageError

Grader = Callable[[str, str], float | None]
RUNS_CODE = frozenset({"python_tests"})
"""Graders that run what a model wrote."""
WITHOUT_REFERENCE: frozenset[str] = frozenset()


def available() -> tuple[str, ...]:
    """Return the names of all graders, sorted."""
    return tuple(sorted(module.name for module in iter_modules(__path__)))


def described() -> dict[str, str]:
    """Return the first line of each grader's docstring, by name."""
    return {
        name: (import_module(f"{__name__}.{name}").__doc__ or "").partition("\n")[0] for name in available()
    }


def limits() -> dict[str, str]:
    """Return what each grader cannot judge, as its docstring says, by name."""
    return {name: _limits(import_module(f"{__name__}.{name}").__doc__ or "") for name in available()}


def _limits(text: str) -> str:
    """Return the docstring from "It cannot judge" to the end of the paragraph, on one line."""
    _, said, rest = text.partition("It cannot judge")
    return " ".join(f"{said}{rest}".partition("\n\n")[0].split())


def runs_code(name: str) -> bool:
    """Tell whether this grader runs what a model wrote, or is a function that the name itself points to."""
    return name in RUNS_CODE or ":" in name


@cache
def load(name: str) -> Grader:
    """Return the `grade` function of the grader called `name`, or the function at an import path.

    Raises:
        UsageError: if there is none.
    """
    if ":" in name:
        from router_training.own_function import own_function  # only where one is named

        return own_function(name)
    if name not in available():
        raise UsageError(
            f"unknown grader {name!r}; choose one of {', '.join(available())}, or name a function of yours as "
            "module:function"
        )
    grade: Grader = import_module(f"{__name__}.{name}").grade
    return grade
