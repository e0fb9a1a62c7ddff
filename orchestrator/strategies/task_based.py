"""The model that the task type points to: by a table, by the roles of the cards, or by what training saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.moves import NOTHING_FITS, Accept, Ask, GiveUp, Move, Situation
from router_training.contract import Forecast, UsageError


@dataclass(frozen=True)
class Strategy:
    """Ask the model that `routes` or else the situation names for the task's type, and accept what it answers.

    The type comes with the request or is predicted. A type that points nowhere, or to a model that may not be
    asked, goes to `otherwise`, by default the model of highest utility; a failure is left to a fallback.
    """

    routes: Mapping[str, str] | None = None
    otherwise: str | None = None

    def __post_init__(self) -> None:
        if not (self.routes is None or isinstance(self.routes, Mapping)):
            raise UsageError(f"routes is {self.routes!r}; write a table such as {{'quick': 'small-model'}}")

    def __call__(self, situation: Situation, /) -> Move:
        if (best := situation.best()) is not None:
            return Accept(best)
        if situation.attempts:
            return GiveUp(situation.failures())
        choice = self._choice(situation)
        return Ask((choice.model,), check=False) if choice is not None else GiveUp(NOTHING_FITS)

    def _choice(self, situation: Situation) -> Forecast | None:
        named = {*(self.routes or {}).values(), *filter(None, [self.otherwise])}
        if unknown := sorted(named - {forecast.model for forecast in situation.forecasts}):
            raise UsageError(f"task_based routes to {unknown[0]!r}, which is no model here; name one that is")
        left = {forecast.model: forecast for forecast in situation.open()}
        routed = (self.routes or {}).get(situation.task.task_type or "", situation.pointed_to)
        for name in (routed, self.otherwise):
            if name in left:
                return left[name]
        return situation.preferred(left.values())
