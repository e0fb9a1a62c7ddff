"""Do the equations in the answer's own steps hold?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from router_training.answers.shown import shown
from router_training.contract import Attempt, Evidence, Forecast, Task
from router_training.findings.arithmetic import find
from router_training.likelihood import LikelihoodRatios


@dataclass(frozen=True)
class Verifier:
    """Works every equation out again and reports those that do not hold; right sums prove nothing."""

    ratios: LikelihoodRatios = field(default_factory=LikelihoodRatios)
    instant: ClassVar[bool] = True

    def __call__(self, task: Task, attempt: Attempt, forecast: Forecast, /) -> Evidence:
        return self.ratios.evidence(find(task.prompt, shown(attempt.text or "")), forecast.p_success)
