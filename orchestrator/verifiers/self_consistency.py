"""Does the model say the same when it is asked again? Costs a call per sample, so it is only done where wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from orchestrator.asking import FREE
from orchestrator.calls import Bounds
from router_training.answers.final_answer import same_answer
from router_training.answers.shown import shown
from router_training.contract import Attempt, Evidence, Forecast, Task
from router_training.likelihood import posterior

AskAgain = Callable[[Task, str, Bounds], Sequence[Attempt]]
"""(task, model, bounds) -> further answers of that model, drawn at a temperature above 0: see `orchestrator.asking.sampler`."""
SAME_IF_RIGHT, SAME_IF_WRONG = 0.8, 0.35
"""How often a sample is taken to come to the same as a right and as a wrong answer."""


@dataclass(frozen=True)
class Verifier:
    """Counts the samples that come to the same as the answer; without `ask_again` it is silent.

    Wang et al., "Self-consistency improves chain of thought reasoning in language models" (2023), section 2: a right answer is one of many ways to the same end, a wrong one is one of many ends: see SAME_IF_RIGHT.
    """

    ask_again: AskAgain | None = None
    bounds: Bounds = FREE

    def within(self, bounds: Bounds) -> Self:
        """Return the verifier whose calls together keep to these bounds."""
        return replace(self, bounds=bounds)

    @property
    def instant(self) -> bool:
        """Tell whether nobody is asked."""
        return self.ask_again is None

    def __call__(self, task: Task, attempt: Attempt, forecast: Forecast, /) -> Evidence:
        if self.ask_again is None:
            return Evidence("self_consistency", None, "the model was not asked again")
        samples = self.ask_again(task, attempt.model, self.bounds)
        usd, latency_s = sum(one.usd for one in samples), sum(one.latency_s for one in samples)
        told = [shown(one.text) for one in samples if one.text is not None and one.text.strip()]
        p_correct, reason = None, "asked again, the model gave no answer"
        if told:
            n_same = sum(same_answer(task.prompt, shown(attempt.text or ""), text) for text in told)
            p_correct = posterior(forecast.p_success, ratio(n_same, len(told)))
            reason = f"asked again, the model said the same {n_same} of {len(told)} times"
        return Evidence("self_consistency", p_correct, reason, usd, latency_s, attempt.model)


def ratio(n_same: int, n: int) -> float:
    """Return the likelihood ratio of `n_same` of `n` independent samples that come to the same."""
    agreed = SAME_IF_RIGHT / SAME_IF_WRONG
    differed = (1.0 - SAME_IF_RIGHT) / (1.0 - SAME_IF_WRONG)
    return float(agreed**n_same * differed ** (n - n_same))
