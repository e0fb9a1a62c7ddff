"""What the words of a prompt alone tell, without an encoder: P(success) of models not asked yet, and its topics."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from router_training.calibration import Calibration, cross_calibrated, fit_calibration
from router_training.contract import FloatArray
from router_training.features import surface_features
from router_training.learning.estimation import fit_logistic, is_varied, logit, sigmoid

WORD = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")
COLUMNS = 1024
STRENGTH = 0.1
SURFACE_WEIGHT, WORDS_WEIGHT = 0.3, 3.0
MOST_CHARS = 8000
TOPICS = 8


@dataclass(frozen=True, eq=False)
class PromptPrior:
    """One logistic regression per model over words, pairs of words and surface features, calibrated out of fold.

    A policy may rightly choose by means alone where forecasts do not pay; what to ask *next* depends on how hard the
    prompt is all the same. Its topics are where its words lie along `axes` (COLUMNS, TOPICS), the directions in which
    the words of the training prompts vary most (Deerwester et al., "Indexing by Latent Semantic Analysis", 1990).
    """

    centre: FloatArray
    spread: FloatArray
    weights: FloatArray
    intercepts: FloatArray
    axes: FloatArray
    calibration: Calibration

    def read(self, prompts: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        """Return P(success) of every model, shape (n, m), and the topics, shape (n, TOPICS), of length 1."""
        raw = _inputs(prompts)
        X = _scaled(raw, self.centre, self.spread)
        return self.calibration.apply(sigmoid(X @ self.weights + self.intercepts)), self._topics(raw)

    def topics(self, prompts: Sequence[str]) -> FloatArray:
        """Return the topics alone."""
        return self._topics(_inputs(prompts))

    def _topics(self, raw: FloatArray) -> FloatArray:
        along = raw[:, :COLUMNS] @ self.axes
        return np.asarray(along / np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9))

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was learned."""
        arrays = {name: getattr(self, name) for name in OWN}
        arrays |= self.calibration.to_arrays()
        return {f"prior_{name}": array for name, array in arrays.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild from `to_arrays`."""
        kept = {
            name.removeprefix("prior_"): array for name, array in arrays.items() if name.startswith("prior_")
        }
        own = {name: np.asarray(kept.pop(name), dtype=np.float64) for name in OWN}
        return cls(**own, calibration=Calibration.from_arrays(kept))


OWN = ("centre", "spread", "weights", "intercepts", "axes")


def fit_prompt_prior(
    prompts: Sequence[str], quality: FloatArray, folds: NDArray[np.int64]
) -> tuple[PromptPrior, FloatArray]:
    """Return the prior, and what it says of each task if fitted and calibrated without the task's fold, shape (n, m).

    Args:
        prompts: n prompts.
        quality: shape (n, m), in [0, 1], nothing missing.
        folds: the fold of each task, shape (n,).
    """
    raw = _inputs(prompts)
    p = np.empty_like(quality)
    for fold in np.unique(folds):
        held = folds == fold
        centre, spread, weights, intercepts = _fitted(raw[~held], quality[~held])
        p[held] = sigmoid(_scaled(raw[held], centre, spread) @ weights + intercepts)
    prior = PromptPrior(*_fitted(raw, quality), _axes(raw[:, :COLUMNS]), fit_calibration(p, quality))
    return prior, cross_calibrated(p, quality, folds)


def _fitted(raw: FloatArray, quality: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    surface = raw[:, COLUMNS:]
    centre, spread = surface.mean(axis=0), surface.std(axis=0)
    spread = np.where(spread > 1e-6, spread, 1.0)
    X = _scaled(raw, centre, spread)
    weights, intercepts = np.zeros((X.shape[1], quality.shape[1])), np.zeros(quality.shape[1])
    for j, column in enumerate(quality.T):
        if is_varied(column):
            weights[:, j], intercepts[j] = fit_logistic(X, column, STRENGTH)
        else:
            intercepts[j] = logit(column.mean(keepdims=True))[0]
    return centre, spread, weights, intercepts


def _axes(words: FloatArray) -> FloatArray:
    from sklearn.utils.extmath import randomized_svd  # spares serving its import

    _, _, axes = randomized_svd(words, min(TOPICS, len(words)), random_state=0)
    return np.asarray(np.pad(axes.T, ((0, 0), (0, TOPICS - len(axes)))), dtype=np.float64)


def _scaled(raw: FloatArray, centre: FloatArray, spread: FloatArray) -> FloatArray:
    surface = SURFACE_WEIGHT * (raw[:, COLUMNS:] - centre) / spread
    return np.hstack([WORDS_WEIGHT * raw[:, :COLUMNS], surface])


def _inputs(prompts: Sequence[str]) -> FloatArray:
    """Return hashed words and pairs of words, of length 1, beside surface features, shape (n, COLUMNS + 12)."""
    words = np.array([_hashed(prompt[:MOST_CHARS]) for prompt in prompts]).reshape(len(prompts), COLUMNS)
    return np.hstack([words, surface_features(prompts).astype(np.float64)])


def _hashed(prompt: str) -> FloatArray:
    found = WORD.findall(prompt.casefold())
    keys = [*found, *(f"{first} {second}" for first, second in pairwise(found))]
    columns = [zlib.crc32(key.encode("utf-8", "replace")) % COLUMNS for key in keys]
    counts = (
        np.log1p(np.bincount(columns, minlength=COLUMNS).astype(np.float64)) if columns else np.zeros(COLUMNS)
    )
    return np.asarray(counts / (np.linalg.norm(counts) or 1.0))
