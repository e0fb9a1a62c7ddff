"""Each file here is one estimator of P(success); its name is the file's name.

An estimator is a class called `Estimator` that implements `contract.SuccessModel`: the constructor stores, `fit`
learns from features (n, d) and quality (n, m) where NaN marks a missing outcome, `predict` returns (n, m) in [0, 1].
scikit-learn is imported where something is learnt, so that a saved policy is served without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from inspect import signature
from pkgutil import iter_modules
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_training.contract import SuccessModel, UsageError


def available() -> tuple[str, ...]:
    """Return the names of all estimators, sorted."""
    return tuple(sorted(module.name for module in iter_modules(__path__)))


def load(name: str, **options: Any) -> SuccessModel:
    """Build the unfitted estimator called `name`.

    Raises:
        UsageError: if no estimator has that name.
    """
    estimator: SuccessModel = _estimator_class(name)(**options)
    return estimator


def options(name: str) -> tuple[str, ...]:
    """Return the names of the constructor options of the estimator called `name`."""
    return tuple(signature(_estimator_class(name)).parameters)


def rebuild(name: str, arrays: Mapping[str, NDArray[np.generic]]) -> SuccessModel:
    """Build the estimator called `name` from what `to_arrays` returned."""
    estimator: SuccessModel = _estimator_class(name).from_arrays(arrays)
    return estimator


def _estimator_class(name: str) -> Any:
    if name not in available():
        raise UsageError(f"unknown success model {name!r}; choose one of {', '.join(available())}")
    return import_module(f"{__name__}.{name}").Estimator
