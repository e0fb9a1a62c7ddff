"""Learns from labelled tasks which model will succeed at which prompt, at what price."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router_training.outcomes import load_outcomes
    from router_training.policy import fit_policy, load_policy

__all__ = ["fit_policy", "load_outcomes", "load_policy"]

_HOMES = {
    "fit_policy": "router_training.policy",
    "load_outcomes": "router_training.outcomes",
    "load_policy": "router_training.policy",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that light modules stay light."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
