"""Where Python was asked for: does the answer's code parse, and, if that is wanted, does it pass the tests given?"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

from router_training.answers.shown import shown
from router_training.contract import Attempt, Evidence, Forecast, Task
from router_training.findings.code import find, given_tests
from router_training.graders import python_tests
from router_training.likelihood import LikelihoodRatios, posterior

PASSED, FAILED = 4.0, 0.02
"""Likelihood ratios of passing or failing tests that the prompt shows: they are few, and a wrong answer may pass them."""


@dataclass(frozen=True)
class Verifier:
    """Reports Python that was asked for and is missing or does not parse.

    With `run` it also runs the asserts and doctests of the prompt in the sandbox of `graders.python_tests`: code of
    models, not of enemies.
    """

    ratios: LikelihoodRatios = field(default_factory=LikelihoodRatios)
    run: bool = False

    @property
    def instant(self) -> bool:
        """Tell whether nothing is run."""
        return not self.run

    def __call__(self, task: Task, attempt: Attempt, forecast: Forecast, /) -> Evidence:
        text = shown(attempt.text or "")
        parsed = self.ratios.evidence(find(task.prompt, text), forecast.p_success)
        tests = given_tests(task.prompt) if self.run and parsed.p_correct is None else []
        return self.tested(text, tests, forecast.p_success) if tests else parsed

    def tested(self, text: str, tests: list[str], p_prior: float) -> Evidence:
        """Return what came of the tests; where this system cannot run them safely, nothing."""
        start = time.perf_counter()
        passed = python_tests.grade(text, json.dumps({"tests": tests}))
        took_s = time.perf_counter() - start
        if passed is None:
            return Evidence(
                "code", None, "this system cannot run code in a limited process", latency_s=took_s
            )
        reason = f"the code {'passes' if passed else 'fails'} the tests given ({len(tests)})"
        return Evidence("code", posterior(p_prior, PASSED if passed else FAILED), reason, latency_s=took_s)
