"""What all answers to a prompt tell about each: who agrees with whom, weighed by how models err together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from router_training.answers.final_answer import same_answer
from router_training.contract import Attempt, Evidence, Forecast, Task

ALONE = "no other answer to compare with"


class JointModel(Protocol):
    """Weighs all answers together: see router_training.joint_model."""

    def confidence(
        self, prompt: str, forecasts: Sequence[Forecast], attempts: Sequence[Attempt]
    ) -> tuple[float | None, ...]:
        """Return the probability that each attempt is right, None where that is not known."""
        ...


@dataclass(frozen=True)
class Verifier:
    """Compares answers: a single one tells it nothing; `together` speaks for all, and has the last word on each.

    Without a joint model it says who agrees, and leaves the confidence alone.
    """

    model: JointModel | None = None

    def __call__(self, task: Task, attempt: Attempt, forecast: Forecast, /) -> Evidence:
        return Evidence("agreement", None, ALONE)

    def together(
        self, task: Task, attempts: Sequence[Attempt], forecasts: Sequence[Forecast], /
    ) -> tuple[Evidence, ...]:
        """Return evidence on each of the answers to one task."""
        start = time.perf_counter()
        unknown = (None,) * len(attempts)
        found = unknown if self.model is None else self.model.confidence(task.prompt, forecasts, attempts)
        reasons = [_reason(task, attempt, attempts) for attempt in attempts]
        each_s = (time.perf_counter() - start) / max(len(attempts), 1)
        return tuple(
            Evidence("agreement", p_correct, reason, latency_s=each_s)
            for p_correct, reason in zip(found, reasons, strict=True)
        )


def _reason(task: Task, attempt: Attempt, attempts: Sequence[Attempt]) -> str:
    others = [one for one in attempts if one is not attempt and one.text is not None]
    same = [one.model for one in others if same_answer(task.prompt, attempt.text or "", one.text or "")]
    apart = [one.model for one in others if one.model not in same]
    if not others:
        return ALONE
    parts = [f"{', '.join(same)} says the same"] if len(same) == 1 else []
    parts += [f"{', '.join(same)} say the same"] if len(same) > 1 else []
    parts += [f"{', '.join(apart)} {'differs' if len(apart) == 1 else 'differ'}"] if apart else []
    return "; ".join(parts)
