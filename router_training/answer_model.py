"""P(success | prompt, answer): what the learned verifier uses, trained beside the policy on graded answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from router_training.answers.answer_checks import is_empty
from router_training.answers.answer_inputs import Answers, AnswerScale
from router_training.answers.boosted_trees import BoostedTrees, fit_trees
from router_training.calibration import (
    Calibration,
    cross_calibrated,
    expected_calibration_error,
    fit_calibration,
)
from router_training.contract import DataError, FloatArray, UsageError
from router_training.findings import findings
from router_training.learning.estimation import fit_logistic, is_varied, logit, sigmoid
from router_training.learning.fitting import out_of_fold_prior, versions
from router_training.learning.policy_files import REMEDY, read_folder, write_folder
from router_training.learning.selection import CONSTANT, area_under_roc, group_folds
from router_training.likelihood import RATIOS, measure
from router_training.outcomes import OutcomeTable
from router_training.policy import Policy

KIND = "answer_model"
STRENGTHS = (0.1, 0.3, 1.0, 3.0)
FEWEST_ANSWERS = 20


@dataclass(frozen=True, eq=False)
class AnswerModel:
    """Reads the policy's forecast, the model, its habits and the checks; calibrated out of fold.

    The score is the mean of a logistic regression's and of boosted trees': the one holds where answers are few, the
    other sees that a check tells more on some prompts than on others.

    `metadata` holds the out-of-fold figures: `ece`, and per model `auc` beside `prior_auc`, that of the
    forecast alone (null where it is a constant).
    """

    models: tuple[str, ...]
    scale: AnswerScale
    weights: FloatArray
    intercept: float
    trees: BoostedTrees
    calibration: Calibration
    metadata: Mapping[str, Any]

    def confidence(
        self,
        prompts: Sequence[str],
        answers: Sequence[str],
        p_prior: Sequence[float] | FloatArray,
        models: Sequence[str],
        completion_tokens: Sequence[float | None] | None = None,
    ) -> FloatArray:
        """Return the probability that each answer is right, shape (n,); an empty answer never is.

        Having learnt from n answers it is never surer than (n + 1) / (n + 2), however well they could be told apart
        (Laplace's rule of succession, 1774).

        Args:
            prompts: what was asked.
            answers: what was said.
            p_prior: the policy's forecast of success for that model on that prompt.
            models: who said it; of a model that was not in training only the forecast and the checks count.
            completion_tokens: how long the answers were, estimated from their characters where None.

        Raises:
            UsageError: if the arguments differ in length.
        """
        tokens = [None] * len(answers) if completion_tokens is None else completion_tokens
        lengths = {len(prompts), len(answers), len(p_prior), len(models), len(tokens)}
        if len(lengths) > 1:
            raise UsageError(
                f"got lists of {sorted(lengths)} entries; pass one entry per answer in each list"
            )
        position = {name: j for j, name in enumerate(self.models)}
        asked = Answers(
            prompts,
            answers,
            np.asarray(p_prior, dtype=np.float64).reshape(len(answers)),
            np.array([position.get(name, -1) for name in models], dtype=np.int64),
            np.array([np.nan if count is None else count for count in tokens], dtype=np.float64),
        )
        inputs = self.scale.inputs(asked)
        p = sigmoid(0.5 * (inputs @ self.weights + self.intercept + self.trees.score(inputs)))
        empty = np.array([is_empty(answer) for answer in answers], dtype=bool)
        surest = (self.n_answers + 1) / (self.n_answers + 2)
        calibrated = np.clip(self.calibration.apply(p[:, None])[:, 0], 1.0 - surest, surest)
        return np.where(empty, 0.0, calibrated)

    @property
    def n_answers(self) -> int:
        """How many graded answers it was learnt from."""
        return int(self.metadata["n_answers"])

    def save(self, path: Path | str) -> None:
        """Write a folder that `load_answer_model` reads; no pickle.

        Raises:
            DataError: if the folder cannot be written.
        """
        arrays = {
            "weights": self.weights,
            "intercept": np.array([self.intercept]),
            **self.trees.to_arrays(),
            **self.calibration.to_arrays(),
            **self.scale.to_arrays(),
        }
        manifest = {"models": list(self.models), "metadata": dict(self.metadata)}
        write_folder(Path(path), KIND, manifest, arrays)


def load_answer_model(path: Path | str) -> AnswerModel:
    """Read a saved answer model.

    Raises:
        DataError: if the folder is no saved answer model, or is damaged.
    """
    manifest, raw = read_folder(Path(path), KIND)
    try:
        arrays = {name: np.asarray(array, dtype=np.float64) for name, array in raw.items()}
        return AnswerModel(
            models=tuple(manifest["models"]),
            scale=AnswerScale(**{field.name: arrays[field.name] for field in fields(AnswerScale)}),
            weights=arrays["weights"],
            intercept=float(arrays["intercept"][0]),
            trees=BoostedTrees.from_arrays(raw),
            calibration=Calibration.from_arrays(arrays),
            metadata=manifest["metadata"],
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{path} is damaged ({type(error).__name__}: {error}); {REMEDY}") from error


def fit_answer_model(
    table: OutcomeTable, policy: Policy, *, seed: int = 0, cache_dir: Path | str | None = None
) -> AnswerModel:
    """Learn from the graded answers of a table which answers are right: see `fit_on_answers`."""
    return fit_on_answers(table, policy, seed=seed, cache_dir=cache_dir)[0]


def fit_on_answers(
    table: OutcomeTable, policy: Policy, *, seed: int = 0, cache_dir: Path | str | None = None
) -> tuple[AnswerModel, FloatArray]:
    """Return the answer model, and what it says of each answer if fitted without the task's fold.

    The second has shape (n, m), in the order of the policy's models, NaN where there is no graded answer; folds are
    those of `group_folds(table.groups)`.

    The policy's forecasts that it learns from are out of fold: made by the policy's success model without the task's
    group of near-duplicates, as they will be in service. The strength of regularisation is chosen, and the result
    calibrated, over the same folds.

    Args:
        table: outcomes with responses, of the policy's models.
        policy: whose forecasts are the prior.
        seed: of the rows and columns that each tree sees.
        cache_dir: where vectors are kept.

    Raises:
        DataError: if fewer than FEWEST_ANSWERS graded answers are there, or they all have the same grade.
    """
    columns = [table.models.index(name) for name in policy.models]
    quality, responses = table.quality[:, columns], table.responses[:, columns]
    told = np.array([[text is not None for text in row] for row in responses], dtype=bool)
    task, model = np.nonzero(np.isfinite(quality) & told.reshape(quality.shape))
    graded = quality[task, model]
    if len(task) < FEWEST_ANSWERS or not is_varied(graded):
        raise DataError(
            f"{table.origin} holds {len(task)} graded answers, {int((graded >= 0.5).sum())} of them right; an answer"
            f" model needs at least {FEWEST_ANSWERS}, some right and some wrong: fill the column response"
        )
    folds = group_folds(table.groups)
    with threadpool_limits(limits=1):  # small matrices: more BLAS threads wait for each other
        vectors = policy.encoder.encode_cached(table.prompts, cache_dir)
        prior = out_of_fold_prior(policy.learned, table.prompts, vectors, quality, folds)
        answers = Answers(
            [table.prompts[i] for i in task],
            [str(text) for text in responses[task, model]],
            prior[task, model],
            model.astype(np.int64),
            table.completion_tokens[:, columns][task, model],
        )
        scale = AnswerScale.of(answers, len(columns))
        inputs = scale.inputs(answers)
        C, p = _out_of_fold(inputs, graded, folds[task], seed)
        weights, intercept = fit_logistic(inputs, graded, C)
        trees = fit_trees(inputs, graded, seed)
    found = [findings(prompt, text) for prompt, text in zip(answers.prompts, answers.texts, strict=True)]
    honest = cross_calibrated(p, graded[:, None], folds[task])[:, 0]
    p_out_of_fold = np.full(quality.shape, np.nan)
    p_out_of_fold[task, model] = honest
    answer_model = AnswerModel(
        models=policy.models,
        scale=scale,
        weights=weights,
        intercept=intercept,
        trees=trees,
        calibration=fit_calibration(p, graded[:, None]),
        metadata={
            "data_digest": table.digest,
            "n_answers": len(task),
            "C": C,
            "seed": seed,
            "ece": expected_calibration_error(honest, graded),
            "brier": float(np.mean((honest - graded) ** 2)),
            RATIOS: measure(found, answers.p_prior, graded).plain(),
            "per_model": _figures(policy, model, honest, answers.p_prior, graded),
            "versions": versions(),
        },
    )
    return answer_model, p_out_of_fold


def _out_of_fold(
    inputs: FloatArray, quality: FloatArray, folds: NDArray[np.int64], seed: int
) -> tuple[float, FloatArray]:
    """Return the best strength of the regression, and the out-of-fold p (n, 1) of its mean with the trees."""
    mean = float(logit(np.array([quality.mean()]))[0])
    linear = {C: np.full(len(quality), mean) for C in STRENGTHS}
    branching = np.full(len(quality), mean)
    for fold in np.unique(folds):
        held = folds == fold
        if not is_varied(quality[~held]):
            continue
        for C, scores in linear.items():
            weights, intercept = fit_logistic(inputs[~held], quality[~held], C)
            scores[held] = inputs[held] @ weights + intercept
        branching[held] = fit_trees(inputs[~held], quality[~held], seed).score(inputs[held])
    best = min(linear, key=lambda C: _log_loss(linear[C], quality))
    return best, sigmoid(0.5 * (linear[best] + branching))[:, None]


def _log_loss(score: FloatArray, quality: FloatArray) -> float:
    return float(np.mean(np.logaddexp(0.0, score) - quality * score))


def _figures(
    policy: Policy, model: NDArray[np.int64], p: FloatArray, prior: FloatArray, quality: FloatArray
) -> dict[str, dict[str, float | None]]:
    informed = policy.learned.success_name != CONSTANT
    rows: dict[str, dict[str, float | None]] = {}
    for j, name in enumerate(policy.models):
        mine = model == j
        figures = {
            "auc": area_under_roc(p[mine], quality[mine]),
            "prior_auc": area_under_roc(prior[mine], quality[mine]) if informed else float("nan"),
            "ece": expected_calibration_error(p[mine], quality[mine]),
        }
        rows[name] = {key: value if np.isfinite(value) else None for key, value in figures.items()}
    return rows
