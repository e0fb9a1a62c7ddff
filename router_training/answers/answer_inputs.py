"""What the answer model reads: the forecast, the model, its habit of length, and the checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from router_training.answers.answer_features import MOST_CHARS, answer_features
from router_training.answers.shown import bounded, shown
from router_training.contract import FloatArray
from router_training.learning.estimation import logit

CHECK_WEIGHT = 0.3
MOST_DEVIATIONS = 4.0
CHARS_PER_TOKEN = 4.0


@dataclass(frozen=True, eq=False)
class Answers:
    """n answers; `p_prior` is the policy's forecast, `tokens` is NaN where unknown, `model` is -1 where unknown."""

    prompts: Sequence[str]
    texts: Sequence[str]
    p_prior: FloatArray
    model: NDArray[np.int64]
    tokens: FloatArray


@dataclass(frozen=True, eq=False)
class AnswerScale:
    """What is usual: mean and deviation of each check, and of each model's log token count, with its characters per token."""

    check_mean: FloatArray
    check_deviation: FloatArray
    habit_mean: FloatArray
    habit_deviation: FloatArray
    chars_per_token: FloatArray

    @classmethod
    def of(cls, answers: Answers, n_models: int) -> Self:
        """Measure what is usual in these answers."""
        found = answer_features(answers.prompts, answers.texts).astype(np.float64)
        deviation = found.std(axis=0)
        chars = _lengths(answers)
        rates = np.full(n_models, CHARS_PER_TOKEN)
        habits = np.tile([[np.log1p(100.0)], [1.0]], n_models)
        for j in range(n_models):
            mine = answers.model == j
            counted = mine & np.isfinite(answers.tokens)
            if answers.tokens[counted].sum() > 0.0 and chars[counted].sum() > 0.0:
                rates[j] = chars[counted].sum() / answers.tokens[counted].sum()
            if mine.sum() > 1:
                logs = np.log1p(np.where(counted, answers.tokens, chars / rates[j])[mine])
                habits[:, j] = logs.mean(), max(float(logs.std()), 0.1)
        return cls(
            found.mean(axis=0), np.where(deviation > 1e-6, deviation, 1.0), habits[0], habits[1], rates
        )

    def inputs(self, answers: Answers) -> FloatArray:
        """Return what the regression reads, shape (n, 2 + m + number of checks)."""
        found = answer_features(answers.prompts, answers.texts)
        scaled = _clipped((found - self.check_mean) / self.check_deviation)
        known = answers.model >= 0
        own = np.where(known, answers.model, 0)
        chars = _lengths(answers)
        raw = np.array([max(len(text), 1) for text in answers.texts], dtype=np.float64)
        counted = np.isfinite(answers.tokens)
        tokens = np.where(counted, answers.tokens * chars / raw, chars / self.chars_per_token[own])
        unusual = (np.log1p(tokens) - self.habit_mean[own]) / self.habit_deviation[own]
        columns = [logit(answers.p_prior), np.where(known, _clipped(unusual), 0.0)]
        one_hot = (answers.model[:, None] == np.arange(len(self.habit_mean))).astype(np.float64)
        return np.hstack([np.column_stack(columns), one_hot, CHECK_WEIGHT * scaled])

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was measured."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def _lengths(answers: Answers) -> FloatArray:
    """Return how many characters of each answer are about the matter, shape (n,)."""
    return np.array([_length(text) for text in answers.texts], dtype=np.float64)


def _length(text: str) -> int:
    ends = bounded(text, MOST_CHARS)
    return len(text) - len(ends) + len(shown(ends))


def _clipped(deviations: FloatArray) -> FloatArray:
    return np.clip(deviations, -MOST_DEVIATIONS, MOST_DEVIATIONS)
