"""Does the answer have the form that the prompt asked for: JSON, Python, a number?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from router_training.answers import answer_checks as checks
from router_training.contract import Attempt, Evidence, Forecast, Task

# (does the prompt ask for it, does the answer hold it, p_correct without it, its name), most telling first
FORMS = (
    (checks.asks_python, checks.holds_python, 0.05, "Python that parses"),
    (checks.asks_json, checks.holds_json, 0.05, "valid JSON"),
    (checks.asks_number, checks.holds_number, 0.1, "a number"),
)


@dataclass(frozen=True)
class Verifier:
    """Reports a form that was asked for and is missing; a form that is there proves nothing by itself."""

    instant: ClassVar[bool] = True

    def __call__(self, task: Task, attempt: Attempt, forecast: Forecast, /) -> Evidence:
        for asks, holds, p_correct, name in FORMS:
            if asks(task.prompt):
                if holds(attempt.text or ""):
                    return Evidence("format", None, f"the answer holds {name}, as asked")
                return Evidence("format", p_correct, f"the prompt asks for {name} and the answer holds none")
        return Evidence("format", None, "the prompt asks for no form that can be checked")
