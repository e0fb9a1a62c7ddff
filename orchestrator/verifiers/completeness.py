"""Is there an answer at all: empty, cut off, refused, going in circles?"""

from __future__ import annotations

from dataclasses import dataclass

from router_training.contract import Attempt, Evidence, Forecast, Task


@dataclass(frozen=True)
class Verifier:
    """Finds the first flaw that makes an answer useless whatever was asked."""

    def __call__(self, task: Task, attempt: Attempt, forecast: Forecast, /) -> Evidence:
        return Evidence("completeness", None, "placeholder")
