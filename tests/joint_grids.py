"""Made-up answers whose dependence is known: two models that err alone, two that share their mistakes."""

import numpy as np

from router_training.joint.answer_grid import AnswerGrid
from router_training.joint.prompt_prior import TOPICS
from router_training.learning.estimation import logit

MODELS = ("able", "cheap", "clone", "copy")
USD = np.array([1.0, 0.1, 0.1, 0.12])


def made_up_grid(n=400, seed=0):
    """400 tasks: able is right on 85%; cheap, clone and copy on 65%; where clone errs, copy says the same."""
    rng = np.random.default_rng(seed)
    hard = rng.random(n)
    right = hard[:, None] + 0.6 * (rng.random((n, 4)) - 0.5) < np.array([0.85, 0.65, 0.65, 0.65])
    right[:, 3] = right[:, 2]
    said = np.where(right, 0, 1 + rng.integers(0, 40, (n, 4)))
    said[:, 3] = said[:, 2]
    prior = logit(np.clip(np.array([0.85, 0.65, 0.65, 0.65]) + 0.5 - hard[:, None], 0.05, 0.95))
    usd = np.tile(USD, (n, 1)) * (1.0 + 0.2 * rng.random((n, 1)))
    return AnswerGrid(
        quality=right.astype(float),
        agrees=said[:, :, None] == said[:, None, :],
        evidence=prior + 0.5 * rng.standard_normal((n, 4)),
        prior=prior,
        topics=rng.standard_normal((n, TOPICS)) / np.sqrt(TOPICS),
        usd=usd,
        paid=usd,
        log_chars=np.full((n, 4), 4.0),
        is_nothing=np.zeros((n, 4), dtype=bool),
    )
