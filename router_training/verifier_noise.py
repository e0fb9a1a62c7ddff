"""How the verifier errs, measured on answers that have a gold grade too, and feedback corrected for it.

Two uses of the same small set of graded answers. The verifier's bias by model and task type follows from
prediction-powered inference (Angelopoulos et al., "Prediction-powered inference", 2023, section 2.1): the mean label of
all answers, less the mean error on the graded ones. Labels for training come from the noise-corrected likelihood: a
label is replaced by P(right | label, forecast, model, task type), one step of expectation-maximisation over the unknown
truth (Dawid and Skene, "Maximum likelihood estimation of observer error-rates using the EM algorithm", 1979, section 2),
where the likelihood of a label is learnt by regression, its parts for models and types shrunk toward what all share. The
forecast belongs to it: without one, every label would be drawn toward its model's mean, and what tells prompts apart
would be lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from router_training.contract import GOLD, HUMAN, FloatArray, Outcome
from router_training.judging.bootstrap import Interval
from router_training.learning.estimation import fit_logistic, is_varied, logit, sigmoid
from router_training.tables.grades import grades_of

FEWEST_GRADED = 30
MARGIN = 0.02  # labels of 0 and 1 are taken for this much less than certain
OWN = 0.5  # how freely a model or a type may differ from what all share
STRENGTH = 1.0  # C of the regression
Z = 1.96


@dataclass(frozen=True, slots=True)
class Bias:
    """What the verifier says too much about one model or task type, as `of` says: mean label less mean gold on `n` graded answers.

    `quality` is the mean quality of all `n_heard` answers, corrected; both with 95% intervals.
    """

    of: str
    name: str
    n: int
    n_heard: int
    bias: Interval
    quality: Interval


@dataclass(frozen=True, eq=False)
class Correction:
    """P(right) = sigmoid(weights . row + intercept) for rows of `_row`; fitted by `fit_correction`."""

    models: tuple[str, ...]
    task_types: tuple[str, ...]
    weights: FloatArray
    intercept: float

    def apply(self, heard: Sequence[Outcome], p_forecast: FloatArray) -> FloatArray:
        """Return the corrected quality of n verified answers, shape (n,), given what the champion forecast of them."""
        rows = _rows(heard, p_forecast, self.models, self.task_types)
        return sigmoid(rows @ self.weights + self.intercept)


def graded(heard: Sequence[Outcome], gold: Sequence[Outcome]) -> tuple[NDArray[np.int64], FloatArray]:
    """Return which of the verified answers have a gold grade, shape (k,), and those grades.

    Which grade belongs to which answer, `grades_of` says.
    """
    rows = [
        (i, row.quality)
        for i, (one, row) in enumerate(zip(heard, grades_of(heard, gold), strict=True))
        if row is not None and row.quality is not None and one.quality is not None
    ]
    places = np.array([i for i, _ in rows], dtype=np.int64)
    return places, np.array([quality for _, quality in rows], dtype=np.float64)


def fit_correction(
    heard: Sequence[Outcome], p_forecast: FloatArray, quality: FloatArray
) -> Correction | None:
    """Learn how labels relate to gold from n answers that have both; None where they are too few or all alike.

    Args:
        heard: verified answers, their label as quality.
        p_forecast: what was forecast of each, shape (n,).
        quality: their gold, shape (n,).
    """
    if len(heard) < FEWEST_GRADED or not is_varied(quality):
        return None
    models = tuple(sorted({one.model for one in heard}))
    task_types = tuple(sorted({one.task_type for one in heard if one.task_type}))
    rows = _rows(heard, p_forecast, models, task_types)
    weights, intercept = fit_logistic(rows, quality, STRENGTH)
    return Correction(models, task_types, weights, intercept)


def corrected(
    heard: Sequence[Outcome], gold: Sequence[Outcome], p_forecast: FloatArray
) -> tuple[list[Outcome], int, bool]:
    """Return feedback with the verifier's error taken out, the number of graded answers, and whether there were enough.

    What people or references said is left as it is, and so is an answer without a label.
    """
    verified = [i for i, one in enumerate(heard) if _is_verifiers(one)]
    said, forecast = [heard[i] for i in verified], p_forecast[verified]
    places, quality = graded(said, gold)
    correction = fit_correction([said[i] for i in places], forecast[places], quality)
    if correction is None:
        return list(heard), len(places), False
    better = dict(zip(verified, correction.apply(said, forecast).tolist(), strict=True))
    return (
        [replace(one, quality=better[i]) if i in better else one for i, one in enumerate(heard)],
        len(places),
        True,
    )


def biases(heard: Sequence[Outcome], gold: Sequence[Outcome]) -> tuple[Bias, ...]:
    """Return the verifier's bias by model, then by task type, where two graded answers or more tell it."""
    said = [one for one in heard if _is_verifiers(one)]
    places, quality = graded(said, gold)
    labels = np.array([one.quality for one in said], dtype=np.float64)
    error = np.full(len(said), np.nan)
    error[places] = labels[places] - quality
    found = []
    for of, names in (
        ("model", [one.model for one in said]),
        ("task type", [one.task_type or "" for one in said]),
    ):
        column = np.array(names, dtype=object)
        for name in sorted(set(names) - {""}):
            rows = column == name
            if (np.isfinite(error) & rows).sum() >= 2:
                found.append(_bias(of, name, labels[rows], error[rows]))
    return tuple(found)


def _is_verifiers(one: Outcome) -> bool:
    return one.quality is not None and one.label_source not in (HUMAN, GOLD)


def _bias(of: str, name: str, labels: FloatArray, error: FloatArray) -> Bias:
    known = error[np.isfinite(error)]
    bias, own = float(known.mean()), float(known.var(ddof=1) / len(known))
    quality, half = float(labels.mean()) - bias, Z * float(np.sqrt(own + labels.var() / len(labels)))
    return Bias(
        of,
        name,
        len(known),
        len(labels),
        Interval(bias, bias - Z * own**0.5, bias + Z * own**0.5),
        Interval(quality, quality - half, quality + half),
    )


def _rows(
    heard: Sequence[Outcome], p_forecast: FloatArray, models: Sequence[str], task_types: Sequence[str]
) -> FloatArray:
    """Return what the regression reads, shape (n, d): label and forecast, and for each model and type an offset and slope."""
    label = logit(np.array([one.quality for one in heard], dtype=np.float64), MARGIN)[:, None]
    forecast = logit(p_forecast, MARGIN)[:, None]
    own = np.concatenate(
        [
            _one_hot([one.model for one in heard], models),
            _one_hot([one.task_type for one in heard], task_types),
        ],
        axis=1,
    )
    return np.concatenate([label, forecast, OWN * own, OWN * own * label], axis=1)


def _one_hot(names: Sequence[str | None], known: Sequence[str]) -> FloatArray:
    place: Mapping[str | None, int] = {name: j for j, name in enumerate(known)}
    found = np.zeros((len(names), len(known)))
    for i, name in enumerate(names):
        if name in place:
            found[i, place[name]] = 1.0
    return found
