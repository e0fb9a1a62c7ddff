"""From outcomes to what a policy knows: fold, select, refit, calibrate."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_training.calibration import (
    cross_calibrated,
    expected_calibration_error,
    fit_calibration,
    identity,
)
from router_training.catalogue import usd_per_call
from router_training.contract import Catalogue, FloatArray, Vectors
from router_training.encoding.vector_cache import Progress
from router_training.features import surface_features
from router_training.learning.estimation import shrunk_means
from router_training.learning.held_out import HeldOut, priced
from router_training.learning.inputs import InputScale
from router_training.learning.learned import Learned, character_counts
from router_training.learning.novelty import Novelty
from router_training.learning.selection import (
    CONSTANT,
    Candidate,
    Selection,
    Trial,
    area_under_roc,
    group_folds,
    honest_calibration,
    per_model,
    select,
)
from router_training.learning.task_types import fit_task_types
from router_training.learning.tokens import fit_tokens
from router_training.outcomes import OutcomeTable

LIBRARIES = ("pointsman", "numpy", "scikit-learn", "onnxruntime", "tokenizers")


def fit_learned(
    table: OutcomeTable,
    vectors: Vectors,
    catalogue: Catalogue,
    candidates: Sequence[Candidate],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Learned, dict[str, Any]]:
    """Learn from n tasks with vectors (n, d); return what was learned and how the candidates fared.

    Args:
        table: outcomes that `require_routable` accepts.
        vectors: the encoder's vectors of `table.prompts`.
        catalogue: the models to choose from, with the prices that candidates are compared at.
        candidates: success models to try beside the constant.
        seed: of what is sampled.
        progress: told of each finished candidate.
    """
    models = tuple(name for name in table.models if name in catalogue)
    features = surface_features(table.prompts)
    scale = InputScale.of(features)
    inputs = scale.inputs(vectors, features)
    folds = group_folds(table.groups)
    tokens_out_of_fold = _tokens_out_of_fold(table, models, inputs, folds)
    trial = _trial(table, models, inputs, catalogue, folds, tokens_out_of_fold, seed)
    selection = select(trial, candidates, _advance(progress))
    winner = selection.winner
    tokens = fit_tokens(table, models, inputs)
    read, written, _ = tokens.forecast(inputs, character_counts(table.prompts))
    types, type_figures = fit_task_types(table, models, inputs, (read, written), folds)
    learned = Learned(
        models=models,
        success_name=winner.name,
        success=winner.estimator(seed).fit(inputs, trial.quality),
        calibration=identity(len(models))
        if winner.name == CONSTANT
        else fit_calibration(selection.p_out_of_fold, trial.quality),
        scale=scale,
        tokens=tokens,
        novelty=Novelty.fit(vectors, table.groups, seed),
        mean_tokens=np.stack([read.mean(axis=0), written.mean(axis=0)]),
        mean_success=shrunk_means(trial.quality),
        held_out=_held_out(table, selection, trial, tokens_out_of_fold).sampled(seed=seed),
        types=types,
    )
    return learned, {
        **_figures(selection, trial),
        "task_types": type_figures,
        "neighbour_recall": getattr(learned.success, "recall_", None),
        "n_tasks": len(table),
        "seed": seed,
        "versions": versions(),
    }


def out_of_fold_prior(
    learned: Learned,
    prompts: Sequence[str],
    vectors: Vectors,
    quality: FloatArray,
    folds: NDArray[np.int64],
) -> FloatArray:
    """Return P(success), shape (n, m), of the policy's kind of success model, fitted without each task's fold.

    It is calibrated on the forecasts of the other folds.
    """
    from sklearn.base import clone  # spares serving its import

    inputs = learned.scale.inputs(vectors, surface_features(prompts))
    p = np.empty_like(quality)
    for fold in np.unique(folds):
        held = folds == fold
        p[held] = clone(learned.success).fit(inputs[~held], quality[~held]).predict(inputs[held])
    return p if learned.success_name == CONSTANT else cross_calibrated(p, quality, folds)


def versions() -> dict[str, str]:
    """Return the versions of the libraries that shape a policy."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # run from a source tree that is not installed
            found[name] = "unknown"
    return found


def _trial(
    table: OutcomeTable,
    models: tuple[str, ...],
    inputs: Vectors,
    catalogue: Catalogue,
    folds: NDArray[np.int64],
    tokens: FloatArray,
    seed: int,
) -> Trial:
    forecast = priced(tokens[0], tokens[1], models, catalogue)
    columns = [table.models.index(name) for name in models]
    usd = usd_per_call(table, catalogue)[:, columns]
    usd = np.where(np.isnan(usd), forecast, usd)
    return Trial(models, inputs, table.quality[:, columns], usd, forecast, folds, table.groups, seed)


def _tokens_out_of_fold(
    table: OutcomeTable, models: tuple[str, ...], inputs: Vectors, folds: NDArray[np.int64]
) -> FloatArray:
    """Return (prompt, completion) tokens, shape (2, n, m), forecast of each task by the other folds."""
    forecast = np.zeros((2, len(table), len(models)))
    for fold in np.unique(folds):
        held = np.flatnonzero(folds == fold)
        tokens = fit_tokens(table.take(np.flatnonzero(folds != fold)), models, inputs[folds != fold])
        read, written, _ = tokens.forecast(inputs[held], character_counts([table.prompts[i] for i in held]))
        forecast[:, held] = read, written
    return forecast


def _held_out(table: OutcomeTable, selection: Selection, trial: Trial, tokens: FloatArray) -> HeldOut:
    columns = [table.models.index(name) for name in trial.models]
    return HeldOut(
        p_success=honest_calibration(selection.winner, selection.p_out_of_fold, trial),
        quality=trial.quality,
        read_forecast=tokens[0],
        written_forecast=tokens[1],
        read=table.prompt_tokens[:, columns],
        written=table.completion_tokens[:, columns],
    )


def _figures(selection: Selection, trial: Trial) -> dict[str, Any]:
    p = honest_calibration(selection.winner, selection.p_out_of_fold, trial)
    ece = per_model(p, trial.quality, expected_calibration_error)
    auc = per_model(p, trial.quality, area_under_roc)
    rows = zip(trial.models, np.nanmean(trial.quality, axis=0).tolist(), ece, auc, strict=True)
    return {
        "models": list(trial.models),
        "winner": selection.winner.label,
        "candidates": selection.report(),
        "per_model": {
            name: {"mean_quality": mean, "ece": error, "auc": area} for name, mean, error, area in rows
        },
    }


def _advance(progress: Progress | None) -> Any:
    return None if progress is None else lambda done, total: progress("compare", done, total)
