"""What another model says when it is asked whether the answer is right; its bias is measured, its call is charged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from orchestrator import requests
from orchestrator.asking import FREE, Ask
from orchestrator.calls import Bounds
from router_training.answers.shown import shown
from router_training.contract import Attempt, Evidence, Forecast, Task
from router_training.judging.judge_bias import USUAL_BIAS, JudgeBias
from router_training.likelihood import posterior

LONGEST_ANSWER = 20_000


@dataclass(frozen=True)
class Verifier:
    """Asks a model once per request, of the first answer that needs verifying.

    The judge sees the answer between marks that it cannot close, without what the answer says about itself; of its reply
    only a yes, a no or a probability is read. What either is worth follows from `bias`, measured by
    `pointsman verifiers calibrate`: the yes of a judge that says yes to everything is worth nothing.

    `ask` sends a text to the judge (`orchestrator.asking.asker`); `bounds` are what is left of the request's limits.
    """

    ask: Ask
    bias: JudgeBias = USUAL_BIAS
    bounds: Bounds = FREE
    once: ClassVar[bool] = True

    def within(self, bounds: Bounds) -> Self:
        """Return the judge whose call keeps to these bounds."""
        return replace(self, bounds=bounds)

    def __call__(self, task: Task, attempt: Attempt, forecast: Forecast, /) -> Evidence:
        reply = self.ask(requests.judge(task.prompt, shown(attempt.text or "", LONGEST_ANSWER)), self.bounds)
        said = None if reply.text is None else requests.said_right(reply.text)
        p_correct, reason = None, f"{reply.model} said neither yes nor no"
        if reply.text is None:
            reason = f"{reply.model} failed to judge it: {reply.error}"
        if said is not None:
            p_correct = posterior(forecast.p_success, self.bias.ratio(said > 0.5))
            reason = f"{reply.model} finds it {'right' if said > 0.5 else 'not right'}"
        return Evidence("judge", p_correct, reason, reply.usd, reply.latency_s, reply.model)
