"""Each file here is one tool that models may call without harm; its name is the file's name.

They read no file, open no connection and run no code: `build_graph(tools=tools.standard())`.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from langchain_core.tools import BaseTool

from router_training.contract import UsageError


def available() -> tuple[str, ...]:
    """Return the names of all tools, sorted."""
    return tuple(sorted(module.name for module in iter_modules(__path__)))


def load(name: str) -> BaseTool:
    """Return the tool called `name`.

    Raises:
        UsageError: if no tool has that name.
    """
    if name not in available():
        raise UsageError(f"unknown tool {name!r}; choose one of {', '.join(available())}")
    found: BaseTool = getattr(import_module(f"{__name__}.{name}"), name)
    return found


def standard() -> tuple[BaseTool, ...]:
    """Return every tool of this folder."""
    return tuple(load(name) for name in available())
