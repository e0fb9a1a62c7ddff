"""How sure was the model of its own tokens? Where its endpoint tells, their log-probabilities; else silence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from router_training.contract import Attempt, Evidence, Forecast, Task
from router_training.likelihood import posterior

SLOPE, USUAL_MEAN, MOST_SHIFT = 2.0, -0.25, 1.5
"""Defaults: log-odds per unit of mean log-probability, the mean that tells nothing, and how much it may tell at most."""


@dataclass(frozen=True)
class Verifier:
    """Takes the mean log-probability of an answer's tokens for log-odds, in a straight line that ends at MOST_SHIFT.

    Pass `slope` and `usual_mean` for a model of which graded answers tell better ones. It reads no word
    of the answer, so nothing that is written there changes it.
    """

    slope: float = SLOPE
    usual_mean: float = USUAL_MEAN
    instant: ClassVar[bool] = True

    def __call__(self, task: Task, attempt: Attempt, forecast: Forecast, /) -> Evidence:
        mean, least = attempt.mean_logprob, attempt.min_logprob
        if mean is None or least is None or not math.isfinite(mean):
            return Evidence("logprobs", None, "the endpoint tells no probabilities of tokens")
        shift = min(max(self.slope * (mean - self.usual_mean), -MOST_SHIFT), MOST_SHIFT)
        reason = f"its tokens had a probability of {math.exp(mean):.0%} in the mean, {math.exp(least):.1%} at least"
        return Evidence("logprobs", posterior(forecast.p_success, math.exp(shift)), reason)
