"""Are the answer's quotes, sources, names and numbers in the text that the prompt gives?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from router_training.answers.shown import shown
from router_training.contract import Attempt, Evidence, Forecast, Task
from router_training.findings.grounding import find
from router_training.likelihood import LikelihoodRatios


@dataclass(frozen=True)
class Verifier:
    """Reports what the answer cites and the given text does not hold; without a text it is silent."""

    ratios: LikelihoodRatios = field(default_factory=LikelihoodRatios)
    instant: ClassVar[bool] = True

    def __call__(self, task: Task, attempt: Attempt, forecast: Forecast, /) -> Evidence:
        return self.ratios.evidence(find(task.prompt, shown(attempt.text or "")), forecast.p_success)
