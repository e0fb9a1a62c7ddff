"""A grader that the user wrote: a function named `module:function` or `path/to/file.py:function`."""

from __future__ import annotations

import importlib
import importlib.util
import math
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from router_training.contract import UsageError


@cache
def own_function(name: str) -> Callable[[str, str], float | None]:
    """Return the function as a grader: called with answer and reference, it returns a number in [0, 1], or None.

    Modules are also looked for in the current folder.

    Raises:
        UsageError: if there is no such function; when called, if it raises or returns something else.
    """
    place, _, attribute = name.rpartition(":")
    function = getattr(_module(place, name), attribute, None)
    if not callable(function):
        raise UsageError(f"grader {name!r}: {place} has no function {attribute!r}; name one that it has")

    def grade(answer: str, reference: str) -> float | None:
        try:
            found = function(answer, reference)
        except Exception as error:
            raise UsageError(
                f"grader {name!r} raised {type(error).__name__} ({error}) for the reference {reference[:60]!r}; let "
                "it return None where it cannot judge"
            ) from error
        return _quality(name, found)

    return grade


def _module(place: str, name: str) -> ModuleType:
    path = Path(place)
    try:
        if path.suffix == ".py":
            spec = importlib.util.spec_from_file_location(path.stem, path)
            if spec is None or spec.loader is None or not path.is_file():
                raise ImportError(f"{path} does not exist")
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
        here = str(Path.cwd())
        sys.path.insert(0, here)
        try:
            return importlib.import_module(place)
        finally:
            sys.path.remove(here)
    except Exception as error:  # whatever the user's file raises while it is read
        raise UsageError(
            f"grader {name!r} cannot be imported ({type(error).__name__}: {error}); write module:function or "
            "path/to/file.py:function"
        ) from error


def _quality(name: str, found: Any) -> float | None:
    if found is None:
        return None
    if isinstance(found, int | float) and not math.isnan(found) and 0 <= found <= 1:
        return float(found)
    raise UsageError(f"grader {name!r} returned {found!r}; it must return a number in [0, 1], or None")
