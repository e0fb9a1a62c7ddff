"""What a finding is worth: how much likelier it is in right answers than in wrong ones, measured where answers are graded.

The likelihood ratio of a finding f is P(f | right) / P(f | wrong); posterior odds are prior odds times it (Good,
"Probability and the weighing of evidence", 1950, chapter 6). Models differ in skill and in what they do wrong, so what
was observed is held against each answer's own prior.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from router_training.answers.finding import Finding
from router_training.contract import Evidence, FloatArray
from router_training.learning.estimation import logit, sigmoid

USUAL: Mapping[str, float] = {
    "completeness: empty": 0.0,
    "completeness: declined": 0.07,
    "completeness: repeated": 0.05,
    "completeness: copied": 0.1,
    "completeness: at limit": 2 / 7,
    "completeness: cut off": 2 / 7,
    "format: no JSON": 0.035,
    "format: off schema": 0.1,
    "format: no yes or no": 0.1,
    "format: no number": 0.07,
    "format: too long": 0.3,
    "format: other language": 0.1,
    "code: no Python": 0.035,
    "code: misnamed": 0.1,
    "code: fails tests": 0.02,
    "arithmetic: one wrong": 0.2,
    "arithmetic: several wrong": 0.1,
    "grounding: invented source": 0.2,
    "grounding: invented quote": 0.4,
    "grounding: invented name": 0.6,
    "grounding: invented number": 0.5,
}
"""What flaws are taken to be worth until graded answers say otherwise; any other finding is worth nothing (1)."""
RATIOS = "likelihood_ratios"
"""Where an answer model's metadata keeps what its training measured."""
LEARNED = "learned"
DECISIVE = 0.02
"""At this p_correct or below an answer is certainly useless, and no further evidence is gathered."""
NEWS = ("self_consistency", "logprobs", "judge")
PSEUDO_ANSWERS = 8.0
LEAST = 0.005
STEEPEST_SHIFT = 30.0


@dataclass(frozen=True)
class Measured:
    """The likelihood ratio of a finding, how many graded answers showed it, and the standard error of its logarithm."""

    ratio: float
    n: int
    log_se: float = 0.0


@dataclass(frozen=True)
class LikelihoodRatios:
    """Likelihood ratios by finding (`Finding.key`): measured ones where there are any, else the usual ones.

    Used as evidence none counts for more than 1: whatever an answer can show of itself at no cost (a sum that holds, a
    form that was asked for) may lower a confidence by its absence, but not raise one by its presence.
    """

    measured: Mapping[str, Measured] = field(default_factory=dict)

    def ratio(self, key: str) -> float:
        """Return what a finding is worth as evidence, in [0, 1]."""
        found = self.measured.get(key) if key in USUAL else None
        return min(USUAL.get(key, 1.0) if found is None else found.ratio, 1.0)

    def evidence(self, finding: Finding, p_prior: float) -> Evidence:
        """Return the finding as evidence; it is silent where it is worth nothing."""
        ratio = self.ratio(finding.key)
        p_correct = None if ratio >= 1.0 else posterior(p_prior, ratio)
        return Evidence(finding.kind, p_correct, finding.reason)

    def plain(self) -> dict[str, dict[str, float]]:
        """Return the measured ratios as plain dicts, for a manifest."""
        return {key: {"ratio": one.ratio, "n": one.n} for key, one in self.measured.items()}

    @classmethod
    def from_plain(cls, kept: Mapping[str, Mapping[str, Any]] | None) -> LikelihoodRatios:
        """Rebuild from `plain`; None, of a model trained before there were any, holds none."""
        rows = (kept or {}).items()
        return cls({key: Measured(float(one["ratio"]), int(one["n"])) for key, one in rows})


def posterior(p: float, ratio: float) -> float:
    """Return the probability after evidence of this likelihood ratio; what is certain stays so."""
    return p * ratio / (p * ratio + 1.0 - p) if p < 1.0 or ratio > 0.0 else 0.0


def measure(
    findings: Sequence[Iterable[Finding]], p_prior: FloatArray, quality: FloatArray
) -> LikelihoodRatios:
    """Measure the findings of n graded answers against the prior of each, shape (n,).

    A ratio is the shift in log-odds that makes as many answers right as were, drawn towards the usual one by
    PSEUDO_ANSWERS answers. A finding that spoils an answer by itself (ratio 0) is not measured.
    """
    rows: dict[str, list[int]] = {}
    for i, found in enumerate(findings):
        for finding in found:
            rows.setdefault(finding.key, []).append(i)
    return LikelihoodRatios(
        {
            key: _measured(key, p_prior[at], quality[at])
            for key, at in sorted(rows.items())
            if USUAL.get(key) != 0.0
        }
    )


def _measured(key: str, p_prior: FloatArray, quality: FloatArray) -> Measured:
    from scipy.optimize import brentq  # spares serving its import

    mean = p_prior.mean(keepdims=True)
    usual = posterior(float(mean[0]), USUAL.get(key, 1.0))
    prior = logit(np.concatenate([p_prior, mean]))
    n_each = np.append(np.ones(len(quality)), PSEUDO_ANSWERS)
    right = float(quality.sum()) + PSEUDO_ANSWERS * usual

    def excess(shift: float) -> float:
        return float(n_each @ sigmoid(prior + shift)) - right

    shift = brentq(excess, -STEEPEST_SHIFT, STEEPEST_SHIFT)
    p = sigmoid(prior + shift)
    information = float(n_each @ (p * (1.0 - p)))
    return Measured(max(math.exp(float(shift)), LEAST), len(quality), 1.0 / math.sqrt(max(information, 1e-9)))


def worth(evidence: Iterable[Evidence], p_prior: float, p_forecast: float | None = None) -> float:
    """Return one confidence from what verifiers said of one answer by itself.

    The learned verifier, which has seen what the checks see, has the word among them; without it the worst finding
    counts, and without any the prior stands. What was learnt by asking a model (samples, probabilities of tokens, a
    judge) is news to it: the log-odds by which each moved the forecast are added. At DECISIVE or below a finding
    settles it.

    Args:
        evidence: of this answer, without that which compares answers.
        p_prior: P(success) before the answer was looked at.
        p_forecast: the forecast that the verifiers were given, if it is not the prior.
    """
    spoken = {one.kind: one.p_correct for one in evidence if one.p_correct is not None}
    news = [spoken.pop(kind) for kind in NEWS if kind in spoken]
    learned = spoken.pop(LEARNED, None)
    worst = min(spoken.values(), default=1.0)
    base = learned if learned is not None else min(spoken.values(), default=p_prior)
    if worst <= DECISIVE or not news:
        return min(worst, base) if worst <= DECISIVE else base
    given = p_prior if p_forecast is None else p_forecast
    moved = logit(np.array(news)) - logit(np.array([given]))
    return float(sigmoid(logit(np.array([base])) + moved.sum())[0])
