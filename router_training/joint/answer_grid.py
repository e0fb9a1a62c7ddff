"""What is known of n tasks and the answers of m models to them, as arrays that states of any size are cut from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from router_training.answers.final_answer import NOTHING, FinalAnswer, agree, final_answer
from router_training.contract import FloatArray

Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]
NOBODY = -1


@dataclass(frozen=True, eq=False)
class AnswerGrid:
    """Matrices of shape (n, m), `agrees` (n, m, m): the answers of these two models come to the same.

    `evidence` and `prior` are log-odds of success: with the answer looked at by itself, and from the prompt alone.
    `topics` (n, d) say what the prompts are about: see `prompt_prior`.
    `usd` is what a call was forecast to cost, `paid` what it did cost, both in units of the policy's `usd_scale`.
    `quality` and `paid` are NaN in service, where nobody knows them.
    """

    quality: FloatArray
    agrees: Flags
    evidence: FloatArray
    prior: FloatArray
    topics: FloatArray
    usd: FloatArray
    paid: FloatArray
    log_chars: FloatArray
    is_nothing: Flags

    def __len__(self) -> int:
        return len(self.quality)

    @property
    def n_models(self) -> int:
        """How many models there are."""
        return int(self.quality.shape[1])

    def take(self, tasks: Indices) -> AnswerGrid:
        """Return these tasks."""
        return replace(self, **{field.name: getattr(self, field.name)[tasks] for field in fields(self)})


def agreement(prompt: str, answers: Sequence[str | None]) -> tuple[Flags, Flags]:
    """Return which answers to one prompt come to the same, shape (m, m), and which come to nothing, shape (m,).

    An answer agrees with itself unless it comes to nothing; None agrees with none.
    """
    told = [NOTHING if answer is None else final_answer(prompt, answer) for answer in answers]
    same = np.zeros((len(told), len(told)), dtype=bool)
    for i, first in enumerate(told):
        for j, second in enumerate(told[: i + 1]):
            same[i, j] = same[j, i] = agree(first, second)
    return same, np.array([one == NOTHING for one in told], dtype=bool)


def log_lengths(answers: Sequence[str | None]) -> FloatArray:
    """Return log(1 + characters) of each answer, shape (m,)."""
    return np.log1p(np.array([len(answer or "") for answer in answers], dtype=np.float64))


__all__ = ["NOBODY", "AnswerGrid", "FinalAnswer", "Flags", "Indices", "agreement", "log_lengths"]
