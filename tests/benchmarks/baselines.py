"""What published routers would do: each baseline learns from a training part and chooses on the test part.

They are written with scikit-learn and share nothing with the product but the vectors and the forecast of costs. Choices
are positions of models, shape (k, n), one row per setting of the baseline's own dial.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from router_training.evaluation import default_dials
from router_training.features import surface_features
from router_training.outcomes import OutcomeTable

N_SURFACE_FEATURES = 8
DIALS = default_dials()


@dataclass(frozen=True, eq=False)
class Case:
    """One split of one table: vectors (n, d) of both parts, and forecasts in USD (n, m) of the test part."""

    train: OutcomeTable
    test: OutcomeTable
    train_vectors: np.ndarray
    test_vectors: np.ndarray
    usd: np.ndarray
    seed: int

    @cached_property
    def quality(self) -> np.ndarray:
        """Quality in training, shape (n, m); the few missing outcomes count as their model's mean."""
        return _filled(self.train.quality)

    @cached_property
    def train_usd(self) -> np.ndarray:
        """What training answers cost, shape (n, m)."""
        return _filled(self.train.cost_usd)

    @cached_property
    def surface(self) -> tuple[np.ndarray, np.ndarray]:
        """Standardised surface features of both parts."""
        train, test = (
            surface_features(part.prompts)[:, :N_SURFACE_FEATURES] for part in (self.train, self.test)
        )
        scaler = StandardScaler().fit(train)
        return scaler.transform(train), scaler.transform(test)

    def inputs(self, weight: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
        """Return vectors beside surface features, for both parts."""
        train, test = self.surface
        return np.hstack([self.train_vectors, weight * train]), np.hstack([self.test_vectors, weight * test])


def _filled(matrix: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(matrix), np.nanmean(matrix, axis=0), matrix)


def swept(p: np.ndarray, usd: np.ndarray) -> np.ndarray:
    """Return the choices of the dial over forecasts p (n, m), shape (k, n)."""
    scale = float(usd.mean(axis=0).max()) or 1.0
    return np.stack([(dial * p - (1 - dial) * usd / scale).argmax(axis=1) for dial in DIALS])


def means_alone(case: Case) -> np.ndarray:
    """Forecast each model's mean: whatever it gains, it gains from what prompts cost."""
    return np.tile(case.quality.mean(axis=0), (len(case.test), 1))


def nearest(case: Case, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (cosines, positions), each (n, k), of the nearest training prompts."""
    search = NearestNeighbors(n_neighbors=k, metric="cosine", algorithm="brute").fit(case.train_vectors)
    distances, positions = search.kneighbors(case.test_vectors)
    return 1.0 - distances, positions


def knn(case: Case) -> np.ndarray:
    """Forecast the similarity-weighted mean of 60 neighbours."""
    cosines, positions = nearest(case, 60)
    weights = np.maximum(cosines, 1e-6)[:, :, None]
    return (weights * case.quality[positions]).sum(axis=1) / weights.sum(axis=1)


def logistic(train: np.ndarray, test: np.ndarray, quality: np.ndarray, C: float) -> np.ndarray:
    """Forecast with one regression per model; a model that is always right or never keeps its mean."""
    p = np.tile(quality.mean(axis=0), (len(test), 1))
    for j in range(quality.shape[1]):
        good = quality[:, j] >= 0.5
        if good.any() and not good.all():
            p[:, j] = LogisticRegression(C=C, max_iter=1000).fit(train, good).predict_proba(test)[:, 1]
    return p


def logistic_vectors(case: Case) -> np.ndarray:
    """Forecast from vectors alone, C = 1."""
    return logistic(case.train_vectors, case.test_vectors, case.quality, C=1.0)


def logistic_surface(case: Case) -> np.ndarray:
    """Forecast from vectors and eight surface features, C = .1."""
    return logistic(*case.inputs(), case.quality, C=0.1)


def shuffled_surface(case: Case) -> np.ndarray:
    """Forecast like `logistic_surface` from labels dealt to other prompts."""
    order = np.random.default_rng(case.seed).permutation(len(case.train))
    return logistic(*case.inputs(), case.quality[order], C=0.1)


def cells(case: Case, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the cell of each training and test prompt among k."""
    model = KMeans(k, n_init=1, random_state=case.seed).fit(case.train_vectors)
    return model.labels_, model.predict(case.test_vectors)


def cell_means(labels: np.ndarray, values: np.ndarray, k: int) -> np.ndarray:
    """Return the mean of values (n, m) in each of k cells, shape (k, m); an empty cell gets the mean of all."""
    sizes = np.bincount(labels, minlength=k)[:, None]
    sums = np.stack([np.bincount(labels, weights=column, minlength=k) for column in values.T], axis=1)
    return np.where(sizes > 0, sums / np.maximum(sizes, 1), values.mean(axis=0))


def surface_and_cells(case: Case) -> np.ndarray:
    """Forecast the mean of `logistic_surface` and the profile of 24 cells."""
    train, test = cells(case, 24)
    return 0.5 * (logistic_surface(case) + cell_means(train, case.quality, 24)[test])


def source_alone(case: Case) -> np.ndarray:
    """Forecast the mean of each source (of each task type, where none is known): no deployment has such labels."""
    known, asked = (
        part.sources if any(part.sources) else part.task_types for part in (case.train, case.test)
    )
    names = {name: i for i, name in enumerate(dict.fromkeys(known))}
    train = np.array([names[name] for name in known])
    means = np.vstack([cell_means(train, case.quality, len(names)), case.quality.mean(axis=0)])
    return means[[names.get(name, len(names)) for name in asked]]


def llmrouter_knn(case: Case) -> np.ndarray:
    """Choose the model that most often had the highest quality among 60 neighbours; ties go to the first column."""
    _, positions = nearest(case, 60)
    best = case.quality.argmax(axis=1)[positions]
    votes = np.stack([(best == j).sum(axis=1) for j in range(case.quality.shape[1])], axis=1)
    return votes.argmax(axis=1)[None]


def routerbench_knn(case: Case) -> np.ndarray:
    """Choose by quality - price * cost, both means of 40 neighbours, the price swept."""
    _, positions = nearest(case, 40)
    return swept(case.quality[positions].mean(axis=1), case.train_usd[positions].mean(axis=1))


def avengers_pro(case: Case) -> np.ndarray:
    """Choose by alpha * quality + (1 - alpha) * cheapness, both scaled to [0, 1] within each of 60 cells."""
    train, test = cells(case, 60)
    quality, usd = (_unit(cell_means(train, values, 60)) for values in (case.quality, case.train_usd))
    alphas = np.linspace(0.0, 1.0, 51)[:, None, None]
    return (alphas * quality + (1.0 - alphas) * (1.0 - usd)).argmax(axis=2)[:, test]


def _unit(values: np.ndarray) -> np.ndarray:
    low, spread = values.min(axis=1, keepdims=True), np.ptp(values, axis=1, keepdims=True)
    return (values - low) / np.where(spread > 0, spread, 1.0)


FORECASTERS: dict[str, Callable[[Case], np.ndarray]] = {
    "kNN, k = 60, similarity-weighted": knn,
    "logistic regression per model, C = 1": logistic_vectors,
    "same, C = .1, + 8 surface features": logistic_surface,
    "mean of that and a 24-cell profile": surface_and_cells,
    "the source label alone": source_alone,
    "labels shuffled (that regression)": shuffled_surface,
    "costs alone (each model's mean quality)": means_alone,
}
CHOOSERS: dict[str, Callable[[Case], np.ndarray]] = {
    "LLMRouter's kNN (one point)": llmrouter_knn,
    "RouterBench's kNN, k = 40": routerbench_knn,
    "Avengers-Pro, 60 cells": avengers_pro,
}
