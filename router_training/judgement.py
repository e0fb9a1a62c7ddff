"""A policy judged on tasks that chose nothing, with all that a report needs to show of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from router_training.contract import FloatArray, Forecasts
from router_training.evaluation import evaluate
from router_training.judging.curves import Choices
from router_training.judging.evaluation_result import Evaluation
from router_training.judging.robustness import unchanged_decisions
from router_training.outcomes import OutcomeTable
from router_training.policy import Policy

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Judgement:
    """An evaluation with the forecasts behind it, of the n tasks of `table`.

    `read` and `written` (n, m) are the tokens that the forecasts reckon with; `twin_p` (n, m) is what the shuffled twin
    forecasts, None where there is no twin. `part` is one sentence that says on which tasks this was made.
    """

    policy: Policy
    table: OutcomeTable
    evaluation: Evaluation
    forecasts: Forecasts
    read: FloatArray
    written: FloatArray
    twin_p: FloatArray | None
    part: str


def judge_policy(
    policy: Policy,
    table: OutcomeTable,
    *,
    twin_p: FloatArray | None = None,
    part: str = "",
    n_boot: int = 1000,
    seed: int = 0,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> Judgement:
    """Judge a policy on outcomes that it was not trained on; costs that were not recorded come from its catalogue.

    Args:
        policy: what to judge.
        table: tasks that chose nothing.
        twin_p: what the shuffled twin forecasts, shape (n, m); see `KnownTwin`.
        part: a sentence on which tasks these are.
        n_boot: resamples of the bootstrap.
        seed: of the bootstrap.
        cache_dir: where vectors are kept; see `cache_root`.
        progress: called with what is being done, how much is done, and how much there is.

    Raises:
        DataError: if the table lacks a model of the policy, costs, or tasks that all models answered.
    """
    vectors = policy.encoder.encode_cached(table.prompts, cache_dir, progress)
    forecasts = policy.forecast_vectors(table.prompts, vectors)
    found = evaluate(
        policy,
        table,
        twin=None if twin_p is None else policy,
        n_boot=n_boot,
        seed=seed,
        catalogue=policy.catalogue,
        forecasts=forecasts,
        twin_forecasts=None if twin_p is None else replace(forecasts, p_success=twin_p),
    )

    def choose(prompts: Sequence[str]) -> Choices:
        texts = policy.encoder.encode_cached(prompts, cache_dir, progress)
        return policy.decide(policy.forecast_vectors(prompts, texts), found.operating.point.dial)

    kept = unchanged_decisions(choose, table.prompts, seed)
    read, written = policy.expected_tokens(table.prompts, vectors)
    return Judgement(policy, table, replace(found, robustness=kept), forecasts, read, written, twin_p, part)
