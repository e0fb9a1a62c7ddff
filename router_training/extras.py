"""Libraries that come with an extra: found, or a sentence that says what to install."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from router_training.contract import UsageError


def needed(module: str, extra: str, what: str) -> Any:
    """Return the module.

    Raises:
        UsageError: if it is not installed, naming the extra that brings it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise UsageError(
            f"{what} needs {module.replace('_', '-')} ({error}): pip install 'pointsman[{extra}]'"
        ) from error
