"""Which type a task is of, predicted from its prompt, and how well each model does on each type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray, Vectors
from router_training.learning.estimation import shrunk_means
from router_training.outcomes import OutcomeTable

FEWEST_TASKS = 10  # of a type, for it to be learned
SUREST = 0.5  # a type less probable than this is not named
C = 10.0
SHRINKAGE = 5.0  # pseudo-outcomes that draw a model's mean on a type toward the mean of all models on it


@dataclass(frozen=True, eq=False)
class TaskTypes:
    """A multi-class logistic regression on the inputs of k types; all (k, m) means are of m models in training."""

    names: tuple[str, ...]
    weights: FloatArray
    intercept: FloatArray
    quality: FloatArray
    prompt_tokens: FloatArray
    completion_tokens: FloatArray

    def probabilities(self, inputs: Vectors) -> FloatArray:
        """Return how probable each type is for inputs (n, d), shape (n, k); rows sum to 1."""
        score = inputs.astype(np.float64) @ self.weights.T + self.intercept
        p = np.exp(score - score.max(axis=1, keepdims=True))
        return np.asarray(p / p.sum(axis=1, keepdims=True))

    def predict(self, inputs: Vectors) -> tuple[str | None, ...]:
        """Return the most probable type of each task, None where it is less probable than SUREST."""
        p = self.probabilities(inputs)
        return tuple(
            self.names[j] if row[j] >= SUREST else None for row, j in zip(p, p.argmax(axis=1), strict=True)
        )

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was learned."""
        return {
            "names": np.array(self.names, dtype=np.str_),
            "weights": self.weights,
            "intercept": self.intercept,
            "quality": self.quality,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild from `to_arrays`."""
        numbers = {key: np.asarray(value, np.float64) for key, value in arrays.items() if key != "names"}
        return cls(names=tuple(map(str, arrays["names"])), **numbers)


def fit_task_types(
    table: OutcomeTable,
    models: Sequence[str],
    inputs: Vectors,
    tokens: tuple[FloatArray, FloatArray],
    folds: NDArray[np.int64],
) -> tuple[TaskTypes | None, dict[str, Any]]:
    """Learn the types of n tasks with inputs (n, d); None where fewer than two types have enough tasks.

    Args:
        table: the tasks with their types.
        models: whose means per type are kept.
        inputs: what the classifier reads.
        tokens: expected (prompt, completion) tokens of each task and model, each of shape (n, m).
        folds: the fold (n,) that holds each task out of the accuracy.

    Returns:
        What was learned, and its figures: `accuracy` out of fold, over the tasks of learned types, of the types
        that were named, and the share `named`.
    """
    counts = {name: table.task_types.count(name) for name in sorted({t for t in table.task_types if t})}
    names = tuple(name for name, count in counts.items() if count >= FEWEST_TASKS)
    if len(names) < 2:
        return None, {}
    known = np.array([name in names for name in table.task_types])
    labels = np.array([names.index(name) if name in names else -1 for name in table.task_types])
    quality = table.quality[:, [table.models.index(name) for name in models]]
    rows = [labels == k for k in range(len(names))]
    learned = TaskTypes(
        names,
        *_regression(inputs[known], labels[known], len(names)),
        quality=np.stack([shrunk_means(quality[of], SHRINKAGE) for of in rows]),
        prompt_tokens=np.stack([tokens[0][of].mean(axis=0) for of in rows]),
        completion_tokens=np.stack([tokens[1][of].mean(axis=0) for of in rows]),
    )
    return learned, _figures(learned, inputs[known], labels[known], folds[known])


def _regression(inputs: Vectors, labels: NDArray[np.int64], k: int) -> tuple[FloatArray, FloatArray]:
    """Return (weights (k, d), intercept (k,)); a type that is absent here is never predicted."""
    from sklearn.linear_model import LogisticRegression  # spares serving its import

    model = LogisticRegression(C=C, max_iter=300).fit(inputs.astype(np.float64), labels)
    present, coefficients, intercept = model.classes_, model.coef_, model.intercept_
    if len(present) == 2:  # scikit-learn keeps one row for two classes
        coefficients, intercept = (np.concatenate([-x, x]) / 2.0 for x in (coefficients, intercept))
    weights, base = np.zeros((k, inputs.shape[1])), np.full(k, -1e3)
    weights[present], base[present] = coefficients, intercept
    return weights, base


def _figures(
    learned: TaskTypes, inputs: Vectors, labels: NDArray[np.int64], folds: NDArray[np.int64]
) -> dict[str, Any]:
    right, named = np.zeros(len(labels), dtype=bool), np.zeros(len(labels), dtype=bool)
    for fold in np.unique(folds):
        held = folds == fold
        if len(np.unique(labels[~held])) < 2:
            return {}
        weights, intercept = _regression(inputs[~held], labels[~held], len(learned.names))
        p = TaskTypes(learned.names, weights, intercept, *(np.empty(0) for _ in range(3))).probabilities(
            inputs[held]
        )
        named[held] = p.max(axis=1) >= SUREST
        right[held] = named[held] & (p.argmax(axis=1) == labels[held])
    share = float(named.mean())
    return {
        "n_types": len(learned.names),
        "named": share,
        "accuracy": float(right.sum() / named.sum()) if named.any() else None,
    }
