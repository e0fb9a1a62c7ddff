"""Routing without learning: the task type names a role, the role a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from router_training.contract import Catalogue, Forecast, ModelCard, Task

ROLE_OF_TASK_TYPE: Mapping[str | None, str] = {"quick": "fast", "complex": "strong"}
ROLE_OTHERWISE = "cheap"
# Nothing is known of any model, so these only rank: the gap outweighs any price at the usual dial of 0.8.
P_CHOSEN, P_OTHER = 0.8, 0.4
USUAL_ANSWER_TOKENS = 256
CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True)
class RoleForecaster:
    """Forecasts that favour the card whose role fits the task type, where no policy has been trained."""

    catalogue: Catalogue
    instant: ClassVar[bool] = True

    def __call__(self, task: Task) -> tuple[Forecast, ...]:
        """Return one forecast per card; novelty is 1 and no latency is known, for nothing has been seen."""
        role = ROLE_OF_TASK_TYPE.get(task.task_type, ROLE_OTHERWISE)
        chosen = card_for(role, self.catalogue).name
        prompt_tokens = len(task.prompt) / CHARACTERS_PER_TOKEN
        return tuple(
            Forecast(
                model=name,
                p_success=P_CHOSEN if name == chosen else P_OTHER,
                usd=card.usd(prompt_tokens, card.max_tokens or USUAL_ANSWER_TOKENS),
                latency_s=math.nan,
                novelty=1.0,
            )
            for name, card in self.catalogue.items()
        )


@dataclass(frozen=True)
class TypeRoutes:
    """Which model a task type points to: the card with that role, else the best of the type in training."""

    catalogue: Catalogue
    best_of_type: Callable[[str | None, float], str | None] | None = None

    def __call__(self, task_type: str | None, dial: float) -> str | None:
        """Return the model's name, None where the type points nowhere."""
        role = ROLE_OF_TASK_TYPE.get(task_type, task_type)
        for card in self.catalogue.values():
            if role is not None and (role in card.roles or role == card.name):
                return card.name
        return None if self.best_of_type is None else self.best_of_type(task_type, dial)


def card_for(role: str, catalogue: Catalogue) -> ModelCard:
    """Return the first card with this role or name; else the dearest for "strong" and the cheapest otherwise."""
    for card in catalogue.values():
        if role in card.roles or role == card.name:
            return card
    by_price = sorted(
        catalogue.values(), key=lambda card: (card.usd_per_mtok_out, card.usd_per_mtok_in, card.name)
    )
    return by_price[-1] if role == "strong" else by_price[0]
