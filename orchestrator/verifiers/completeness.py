"""Is this an answer at all: empty, declined, going in circles, cut off?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from router_training.answers import answer_checks as checks
from router_training.contract import Attempt, Evidence, Forecast, Task


@dataclass(frozen=True)
class Verifier:
    """Reports the gravest flaw that spoils an answer whatever was asked; without one it is silent."""

    instant: ClassVar[bool] = True

    def __call__(self, task: Task, attempt: Attempt, forecast: Forecast, /) -> Evidence:
        text = attempt.text or ""
        flaws = (
            (checks.is_empty(text), 0.0, "the answer is empty"),
            (checks.is_refusal(text), 0.1, "the model declines to answer"),
            (checks.is_repetitive(text), 0.1, "the answer repeats itself"),
            (attempt.finish_reason == "length", 0.3, "the answer hit its token limit"),
            (checks.is_cut_off(text), 0.3, "the answer stops in the middle"),
        )
        for found, p_correct, reason in flaws:
            if found:
                return Evidence("completeness", p_correct, reason)
        return Evidence("completeness", None, "the answer is complete")
