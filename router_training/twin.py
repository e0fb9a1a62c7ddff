"""The control of every judgement: the same recipe, trained on quality rows that were dealt to other tasks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from router_training.learning.known_twin import KnownTwin
from router_training.learning.selection import Candidate
from router_training.outcomes import OutcomeTable
from router_training.policy import Policy, fit_policy

Progress = Callable[[str, int, int], None]


def twin_on(
    policy: Policy,
    train: OutcomeTable,
    test: OutcomeTable,
    *,
    seed: int,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> KnownTwin:
    """Fit the twin of a policy on `train` and return what it forecasts of the tasks of `test`."""
    twin = fit_twin(policy, train, seed=seed, cache_dir=cache_dir, progress=progress)
    vectors = policy.encoder.encode_cached(test.prompts, cache_dir, progress)
    return KnownTwin(test.digest, twin.forecast_vectors(test.prompts, vectors).p_success)


def fit_twin(
    policy: Policy,
    train: OutcomeTable,
    *,
    seed: int,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> Policy:
    """Fit the control: the winner on shuffled labels, which can learn what prompts cost but not who succeeds."""
    winner = Candidate(policy.learned.success_name, policy.learned.success.get_params())
    return fit_policy(
        shuffle_labels(train, seed),
        catalogue=policy.catalogue,
        encoder=policy.encoder,
        seed=seed,
        candidates=[winner],
        cache_dir=cache_dir,
        progress=progress,
    )


def shuffle_labels(table: OutcomeTable, seed: int) -> OutcomeTable:
    """Return the table with whole rows of quality dealt to other tasks; prompts, tokens and costs stay.

    In a sparse grid the tasks that a model has grades on share them out among themselves, so that the twin has as
    many to learn from.
    """
    order = np.random.default_rng(seed).permutation(len(table))
    dealt = table.quality.copy()
    for j in range(len(table.models)):
        graded = np.isfinite(dealt[:, j])
        dealt[graded, j] = table.quality[order[graded[order]], j]
    task = {name: i for i, name in enumerate(table.task_ids)}
    model = {name: j for j, name in enumerate(table.models)}
    frame = table.frame.copy()
    frame["quality"] = dealt[[task[one] for one in frame["task_id"]], [model[one] for one in frame["model"]]]
    return OutcomeTable.from_frame(frame, origin="the shuffled twin")
