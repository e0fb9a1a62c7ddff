"""Each file here reads one format of routing data or logs; its name is the file's name.

An importer offers `cells(path, choices)`, which yields a `Cell` for every result of a model on a task, and a `Rejected`
for what cannot be read. A failed call is a cell with an `error`: an API error is not a wrong answer.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from router_training.contract import UsageError
from router_training.importing.cells import Cells, Choices

Importer = Callable[[Path, Choices], Cells]


def available() -> tuple[str, ...]:
    """Return the names of all formats, sorted."""
    return tuple(sorted(module.name for module in iter_modules(__path__)))


def described() -> dict[str, str]:
    """Return the first line of each format's docstring, by name."""
    return {name: (_module(name).__doc__ or "").partition("\n")[0] for name in available()}


def load(name: str) -> Importer:
    """Return the `cells` function of the format called `name`; a hyphen stands for an underscore.

    Raises:
        UsageError: if there is no such format.
    """
    known = name.replace("-", "_")
    if known not in available():
        raise UsageError(f"unknown format {name!r}; choose one of {', '.join(available())}")
    read: Importer = _module(known).cells
    return read


def _module(name: str) -> ModuleType:
    return import_module(f"{__name__}.{name}")
