"""Is this an answer at all: empty, declined, going in circles, cut off, the question over again?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from router_training.answers.shown import shown
from router_training.contract import Attempt, Evidence, Forecast, Task
from router_training.findings.completeness import find
from router_training.likelihood import LikelihoodRatios


@dataclass(frozen=True)
class Verifier:
    """Reports the gravest flaw that spoils an answer whatever was asked; without one it is silent."""

    ratios: LikelihoodRatios = field(default_factory=LikelihoodRatios)
    instant: ClassVar[bool] = True

    def __call__(self, task: Task, attempt: Attempt, forecast: Forecast, /) -> Evidence:
        finding = find(task.prompt, shown(attempt.text or ""), attempt.finish_reason)
        return self.ratios.evidence(finding, forecast.p_success)
