"""Feedback -> challenger -> gate -> champion: production traffic becomes training rows, gold decides.

The challenger learns from the training part of gold and from feedback, whose labels are first corrected for how the
verifier errs; the gate part, which neither side has seen, alone says who serves (see `merging` and `judging.gate`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from router_training.catalogue import price_digest
from router_training.challenger import Verdict, judged
from router_training.contract import Catalogue, FloatArray, Outcome
from router_training.embedding import Encoder
from router_training.judging import gate
from router_training.learning.selection import Candidate
from router_training.outcomes import OutcomeTable
from router_training.policy import Policy, fit_policy, load_policy
from router_training.serving import require_outcomes
from router_training.tables.grades import gold_grades
from router_training.tables.merging import (
    GOLD_DIGEST,
    Merged,
    Parts,
    decayed,
    learned_from,
    merge_feedback,
    three_parts,
    with_more_gold,
)
from router_training.tables.rows import outcomes_of_table
from router_training.verdict_log import log_verdict, sketch, tries_on
from router_training.verifier_noise import FEWEST_GRADED, biases, corrected

if TYPE_CHECKING:
    from router_training.records.versions import ChampionPolicy
    from router_training.tracking import Store


@dataclass(frozen=True)
class Options:
    """How to retrain.

    `since` leaves out older feedback, `half_life_s` thins it by age (None: all counts alike), `margin` is the worth
    that may be lost on a task type, `correct` takes out the verifier's error where enough gold tells it; `dry_run`
    registers nothing and leaves the alias where it is, but its verdict is a run too, and counts as a look at the gate.
    """

    since: datetime | None = None
    half_life_s: float | None = None
    margin: float = gate.MARGIN
    correct: bool = True
    dry_run: bool = False


def retrain(
    store: Store,
    table: OutcomeTable,
    *,
    catalogue: Catalogue,
    more_gold: Sequence[OutcomeTable] = (),
    champion: ChampionPolicy | None = None,
    feedback: Sequence[Outcome] | None = None,
    options: Options | None = None,
    seed: int | None = None,
    encoder: Encoder | None = None,
    candidates: Sequence[Candidate] | None = None,
    cache_dir: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Verdict:
    """Train a challenger on gold and feedback, and let it serve only if it wins on gold it has not seen.

    It wins where every rule of `gate.reasons` holds at the level that the number of tries on this gold leaves.

    Args:
        store: Where feedback, champion and the outcome of this are kept.
        table: All gold outcomes, the same (or more) as the champion was trained from.
        catalogue: Prices, for both sides.
        more_gold: Further gold, such as graded answers of the traffic: a part of each joins training, a part the gate.
        champion: Who serves; by default the store's champion.
        feedback: Outcomes labelled by the verifier, oldest first; by default all that the store holds.
        options: By default all feedback counts alike, corrected.
        seed: Of the split, the fit and the bootstrap; by default the champion's own, whose gate it has not seen.
        encoder: Of the challenger; by default the champion's.
        candidates: As for `fit_policy`.
        cache_dir: As for `fit_policy`.
        progress: As for `fit_policy`.

    Raises:
        DataError: The champion chooses models that the table does not know, or the table is too small.
    """
    options = Options() if options is None else options
    champion = store.champion() if champion is None else champion
    serving = None if champion is None else _serving(champion, catalogue, table)
    if seed is None:
        seed = 0 if serving is None else int(serving.metadata.get("seed", 0))
    base = three_parts(table, seed)
    parts = with_more_gold(base, more_gold, seed)
    heard = _heard(store, feedback, options)
    gold = [*outcomes_of_table(base.traffic), *(row for part in more_gold for row in outcomes_of_table(part))]
    labelled, noise = _corrected(heard, gold, serving, options)
    merged = merge_feedback(parts, labelled)
    verdict = Verdict(
        False,
        "nothing new to learn from: the champion was trained on this very gold and feedback",
        n_gold=len(parts.train),
        n_feedback=merged.n_feedback,
        left_out=merged.left_out,
        n_gate_tasks=len(parts.gate),
        gate_is_unseen=serving is None or learned_from(serving, base.train),
        champion_version=None if champion is None else champion.version,
        noise=noise,
        biases=biases(heard, gold),
        dry_run=options.dry_run,
    )
    if serving is None or serving.metadata.get("data_digest") != merged.table.digest:
        challenger = fit_policy(
            merged.table,
            catalogue=catalogue,
            encoder=serving.encoder if encoder is None and serving is not None else encoder,
            seed=seed,
            candidates=candidates,
            cache_dir=cache_dir,
            progress=progress,
        )
        # so that `learned_from` knows the split again, though feedback and more gold have joined it
        challenger = replace(challenger, metadata={**challenger.metadata, GOLD_DIGEST: base.train.digest})
        tries = tries_on(store, parts.gate)
        verdict = judged(
            verdict, challenger, serving, parts.gate, tries=tries, margin=options.margin, seed=seed
        )
        if not options.dry_run:
            verdict = replace(verdict, version=_register(store, challenger, champion, merged.table, verdict))
        if verdict.promoted and verdict.version is not None:
            store.promote(verdict.version)
    verdict = replace(verdict, run_id=_log(store, verdict, merged, parts, catalogue))
    if options.dry_run:
        return verdict
    return replace(verdict, n_gold_traces=store.log_grades(gold_grades(heard, [table, *more_gold])))


def _heard(store: Store, feedback: Sequence[Outcome] | None, options: Options) -> Sequence[Outcome]:
    """Return the feedback that counts, oldest first."""
    heard = store.feedback_outcomes(options.since) if feedback is None else feedback
    return heard if options.half_life_s is None else decayed(heard, options.half_life_s)


def _corrected(
    heard: Sequence[Outcome], gold: Sequence[Outcome], serving: Policy | None, options: Options
) -> tuple[Sequence[Outcome], str]:
    """Return feedback without the verifier's error as far as gold tells it, and one sentence that says what was done."""
    if not heard or not options.correct:
        return heard, "" if not heard else "the verifier's labels were taken as they are, as asked"
    better, n_graded, enough = corrected(heard, gold, _forecast(heard, serving))
    if enough:
        return (
            better,
            f"labels were corrected for how the verifier errs on {n_graded:,} answers with a gold grade",
        )
    return better, (
        f"labels are the verifier's own: {n_graded} of its answers have a gold grade, and a correction needs "
        f"{FEWEST_GRADED}, right and wrong ones; give more with --gold"
    )


def _forecast(heard: Sequence[Outcome], serving: Policy | None) -> FloatArray:
    """Return P(success) that the champion forecasts of each answer, shape (n,); 0.5 where it knows nothing."""
    p = np.full(len(heard), 0.5)
    if serving is None:
        return p
    prompts = list(dict.fromkeys(one.prompt for one in heard))
    known, row = serving.forecast(prompts).p_success, {prompt: i for i, prompt in enumerate(prompts)}
    for i, one in enumerate(heard):
        if one.model in serving.models:
            p[i] = known[row[one.prompt], serving.models.index(one.model)]
    return p


def _serving(champion: ChampionPolicy, catalogue: Catalogue, table: OutcomeTable) -> Policy:
    policy = load_policy(champion.path)
    require_outcomes(
        policy,
        f"the champion (version {champion.version})",
        table,
        f"give gold outcomes of every model it chooses, or train anew: `pointsman train {table.origin}`",
    )
    return policy.with_catalogue(catalogue)


def _register(
    store: Store, challenger: Policy, champion: ChampionPolicy | None, table: OutcomeTable, verdict: Verdict
) -> str:
    """Register the challenger; it keeps the champion's answer model, which verifier labels must not teach."""
    assert verdict.difference is not None, "a challenger that is registered was judged"
    with tempfile.TemporaryDirectory() as folder:
        challenger.save(Path(folder) / "policy")
        run = store.log_training(
            Path(folder) / "policy",
            answer_model_dir=None if champion is None else champion.answer_model_path,
            metrics={"gate_difference": verdict.difference.value},
            data_digest=table.digest,
            tags={"role": "challenger"},
        )
    return run.version


def _log(store: Store, verdict: Verdict, merged: Merged, parts: Parts, catalogue: Catalogue) -> str:
    """Write the verdict as a run of its own."""
    digests = {"data_digest": merged.table.digest, "price_digest": price_digest(catalogue)}
    return log_verdict(store, verdict, merged.left_out, digests, sketch(parts.gate.prompts))
