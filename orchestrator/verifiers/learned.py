"""What the answer model, trained on graded answers, thinks of this one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from router_training.contract import Attempt, Evidence, FloatArray, Forecast, Task

FEW = 300
"""Below so many graded answers the reason says how many there were."""


class AnswerModel(Protocol):
    """P(success | prompt, answer): see router_training.answer_model."""

    def confidence(
        self,
        prompts: Sequence[str],
        answers: Sequence[str],
        p_prior: Sequence[float],
        models: Sequence[str],
        completion_tokens: Sequence[float | None] | None = None,
    ) -> FloatArray:
        """Return one probability per answer, shape (n,)."""
        ...


@dataclass(frozen=True)
class Verifier:
    """Asks the answer model, with the policy's forecast as the prior."""

    brief: ClassVar[bool] = True

    model: AnswerModel

    def __call__(self, task: Task, attempt: Attempt, forecast: Forecast, /) -> Evidence:
        start = time.perf_counter()
        p_correct = float(
            self.model.confidence(
                [task.prompt],
                [attempt.text or ""],
                [forecast.p_success],
                [attempt.model],
                [attempt.completion_tokens],
            )[0]
        )
        seen = getattr(self.model, "n_answers", FEW)
        few = f", learnt from only {seen:,} answers" if seen < FEW else ""
        reason = f"answers like this one were right {p_correct:.0%} of the time{few}; forecast {forecast.p_success:.0%}"
        return Evidence("learned", p_correct, reason, latency_s=time.perf_counter() - start)
