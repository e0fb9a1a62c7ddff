"""What a caller may ask of a choice: one aim, and what every chosen model must be able to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from router_training.capabilities import Requirements, tokens_in, why_not
from router_training.contract import Catalogue, Forecasts, UsageError
from router_training.learning.decision import decide
from router_training.learning.operating import OperatingPoint, require_usd

USUAL_DIAL = 0.8


@dataclass(frozen=True, slots=True)
class Aim:
    """What a choice shall reach; at most one of the four is given, and without any the dial is USUAL_DIAL."""

    dial: float | None = None
    min_quality: float | None = None
    max_usd: float | None = None
    max_usd_per_task: float | None = None

    def __post_init__(self) -> None:
        given = [name for name, value in asdict(self).items() if value is not None]
        if len(given) > 1:
            raise UsageError(
                f"{' and '.join(given)} are given, but a choice has one aim; give exactly one of {', '.join(asdict(self))}"
            )
        if not given:
            object.__setattr__(self, "dial", USUAL_DIAL)


def able(
    prompts: Sequence[str],
    models: Sequence[str],
    catalogue: Catalogue,
    needs: frozenset[str],
    language: str | None,
) -> NDArray[np.bool_]:
    """Return which models can serve each prompt at all, shape (n, m).

    Raises:
        UsageError: if none can serve some prompt, with the reason of every model.
    """
    allowed = np.ones((len(prompts), len(models)), dtype=np.bool_)
    for i, prompt in enumerate(prompts):
        required = Requirements(needs, tokens_in(prompt), language=language)
        reasons = [why_not(catalogue[name], required) for name in models]
        allowed[i] = [reason is None for reason in reasons]
        if not allowed[i].any():
            raise UsageError(
                f"no model can serve prompt {i}: {'; '.join(filter(None, reasons))}; ask for less, or add a model that can"
            )
    return allowed


def affordable(forecasts: Forecasts, max_usd: float, allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which of the allowed models are forecast to cost at most `max_usd` on each prompt, shape (n, m).

    Raises:
        UsageError: if `max_usd` is out of range, or no allowed model costs as little on some prompt.
    """
    require_usd("max_usd_per_task", max_usd)
    within = allowed & (forecasts.usd <= max_usd)
    dear = np.flatnonzero(~within.any(axis=1))
    if len(dear):
        least = float(np.where(allowed, forecasts.usd, np.inf)[dear[0]].min())
        raise UsageError(
            f"max_usd_per_task is {max_usd:g}, but prompt {dear[0]} is forecast to cost {least:.3g} USD at least; "
            "allow more, or shorten it"
        )
    return within


def choose_at(
    point: OperatingPoint, forecasts: Forecasts, usd_scale: float, allowed: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return the position of the chosen model per prompt, shape (n,).

    Where a point's only model cannot serve a prompt, the likeliest success among those that can takes it.
    """
    if point.model is None:
        dial = 1.0 if point.dial is None else point.dial
        return decide(forecasts, dial, usd_scale, allowed)
    always = forecasts.models.index(point.model)
    return np.where(allowed[:, always], always, decide(forecasts, 1.0, usd_scale, allowed))
