"""Answer grids of outcome tables: for learning, and for judging what was learnt on other tasks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from router_training.answer_model import AnswerModel
from router_training.catalogue import usd_per_call
from router_training.contract import FloatArray
from router_training.joint.answer_grid import AnswerGrid, agreement, log_lengths
from router_training.joint_model import JointModel
from router_training.learning.estimation import logit
from router_training.outcomes import OutcomeTable
from router_training.policy import Policy


def grid_of(
    table: OutcomeTable,
    policy: Policy,
    p_alone: FloatArray,
    p_prior: FloatArray,
    topics: FloatArray,
    cache_dir: Path | str | None = None,
) -> AnswerGrid:
    """Return the grid of a table in which every model answered every task.

    Args:
        table: n tasks.
        policy: forecasts what calls of its m models cost.
        p_alone: what each answer is worth looked at by itself, shape (n, m).
        p_prior: P(success) from the prompt alone, shape (n, m).
        topics: of the prompts, shape (n, d).
        cache_dir: where vectors are kept.
    """
    columns = [table.models.index(name) for name in policy.models]
    vectors = policy.encoder.encode_cached(table.prompts, cache_dir)
    usd = policy.forecast_vectors(table.prompts, vectors).usd
    paid = usd_per_call(table, policy.catalogue)[:, columns]
    responses = table.responses[:, columns]
    compared = [agreement(prompt, row) for prompt, row in zip(table.prompts, responses, strict=True)]
    return AnswerGrid(
        quality=table.quality[:, columns],
        agrees=np.array([same for same, _ in compared]),
        evidence=logit(p_alone),
        prior=logit(p_prior),
        topics=topics,
        usd=usd / policy.usd_scale,
        paid=np.where(np.isnan(paid), usd, paid) / policy.usd_scale,
        log_chars=np.array([log_lengths(row) for row in responses]),
        is_nothing=np.array([nothing for _, nothing in compared]),
    )


def held_out_grid(
    table: OutcomeTable, policy: Policy, answer_model: AnswerModel, joint: JointModel
) -> tuple[AnswerGrid, OutcomeTable]:
    """Return the grid of tasks that no part of the router has learnt from, and these tasks.

    Tasks that lack a graded answer of some model are left out.
    """
    columns = [table.models.index(name) for name in policy.models]
    told = np.array([[text is not None for text in row] for row in table.responses[:, columns]], dtype=bool)
    complete = told.all(axis=1) & np.isfinite(table.quality[:, columns]).all(axis=1)
    part = table.take(np.flatnonzero(complete))
    p_success = policy.forecast(part.prompts).p_success
    p_alone = [
        answer_model.confidence(
            part.prompts,
            [str(text) for text in part.responses[:, column]],
            p_success[:, j],
            [policy.models[j]] * len(part),
            part.completion_tokens[:, column].tolist(),
        )
        for j, column in enumerate(columns)
    ]
    return grid_of(part, policy, np.stack(p_alone, axis=1), *joint.prior.read(part.prompts)), part
