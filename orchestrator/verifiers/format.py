"""Does the answer have the form that was asked for: JSON, a schema, yes or no, a number, a length, a language?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from router_training.answers.shown import shown
from router_training.contract import Attempt, Evidence, Forecast, Task
from router_training.findings.format import find
from router_training.likelihood import LikelihoodRatios


@dataclass(frozen=True)
class Verifier:
    """Reports a form that was asked for and is missing; a form that is there proves nothing by itself."""

    ratios: LikelihoodRatios = field(default_factory=LikelihoodRatios)
    instant: ClassVar[bool] = True

    def __call__(self, task: Task, attempt: Attempt, forecast: Forecast, /) -> Evidence:
        finding = find(task.prompt, shown(attempt.text or ""), task.json_schema)
        return self.ratios.evidence(finding, forecast.p_success)
