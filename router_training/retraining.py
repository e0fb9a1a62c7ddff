"""Feedback -> challenger -> gate -> champion: production traffic becomes training rows, gold decides.

The challenger learns from the training part of gold and from feedback; the gate part, which neither side has
seen, alone says who serves (see `merging`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from router_training.catalogue import price_digest
from router_training.contract import Catalogue, DataError, Outcome
from router_training.embedding import Encoder
from router_training.evaluation import OPERATING_DIAL, evaluate
from router_training.judging.bootstrap import Interval
from router_training.judging.evaluation_result import Evaluation
from router_training.learning.selection import Candidate
from router_training.outcomes import OutcomeTable
from router_training.policy import Policy, fit_policy, load_policy
from router_training.tables.merging import GOLD_DIGEST, Merged, learned_from, merge_feedback, three_parts

if TYPE_CHECKING:
    from router_training.records.versions import ChampionPolicy
    from router_training.tracking import Store


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the challenger serves from now on, and why.

    `difference` is the challenger's hull lift less the champion's on the gate part, or less that of the
    constants (0) where nobody serves yet; `challenger` and `champion` are (usd, quality) per task at `dial`.
    All are None where no challenger was trained. `gate_is_unseen` is False where the champion was trained from
    other gold or another split, so that it may know some of the gate's tasks, which can only flatter it.
    """

    promoted: bool
    reason: str
    n_gold: int
    n_feedback: int
    n_left_out: int
    n_gate_tasks: int
    gate_is_unseen: bool = True
    dial: float = OPERATING_DIAL
    difference: Interval | None = None
    challenger: tuple[float, float] | None = None
    champion: tuple[float, float] | None = None
    version: str | None = None
    champion_version: str | None = None
    run_id: str | None = None


def retrain(
    store: Store,
    table: OutcomeTable,
    *,
    catalogue: Catalogue,
    champion: ChampionPolicy | None = None,
    feedback: Sequence[Outcome] | None = None,
    seed: int | None = None,
    encoder: Encoder | None = None,
    candidates: Sequence[Candidate] | None = None,
    cache_dir: Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Verdict:
    """Train a challenger on gold and feedback, and let it serve only if it wins on gold it has not seen.

    It wins where the whole 95% interval of its gain, by paired bootstrap over the gate part, lies above 0.

    Args:
        store: Where feedback, champion and the outcome of this are kept.
        table: All gold outcomes, the same (or more) as the champion was trained from.
        catalogue: Prices, for both sides.
        champion: Who serves; by default the store's champion.
        feedback: Outcomes labelled by the verifier, oldest first; by default all that the store holds.
        seed: Of the split, the fit and the bootstrap; by default the champion's own, whose gate it has not seen.
        encoder: Of the challenger; by default the champion's.
        candidates: As for `fit_policy`.
        cache_dir: As for `fit_policy`.
        progress: As for `fit_policy`.

    Raises:
        DataError: The champion chooses models that the table does not know, or the table is too small.
    """
    champion = store.champion() if champion is None else champion
    serving = None if champion is None else _serving(champion, catalogue, table)
    if seed is None:
        seed = 0 if serving is None else int(serving.metadata.get("seed", 0))
    parts = three_parts(table, seed)
    merged = merge_feedback(parts, store.feedback_outcomes() if feedback is None else feedback)
    verdict = Verdict(
        False,
        "nothing new to learn from: the champion was trained on this very gold and feedback",
        n_gold=len(parts.train),
        n_feedback=merged.n_feedback,
        n_left_out=sum(merged.left_out.values()),
        n_gate_tasks=len(parts.gate),
        gate_is_unseen=serving is None or learned_from(serving, parts.train),
        champion_version=None if champion is None else champion.version,
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
        # so that `learned_from` knows the split again, though feedback has joined it
        challenger = replace(challenger, metadata={**challenger.metadata, GOLD_DIGEST: parts.train.digest})
        found = evaluate(challenger, parts.gate, twin=serving, catalogue=catalogue, seed=seed)
        verdict = _judged(verdict, found, against_champion=serving is not None)
        verdict = replace(verdict, version=_register(store, challenger, champion, merged.table, found))
        if verdict.promoted and verdict.version is not None:
            store.promote(verdict.version)
    return replace(verdict, run_id=_log(store, verdict, merged, catalogue))


def _serving(champion: ChampionPolicy, catalogue: Catalogue, table: OutcomeTable) -> Policy:
    policy = load_policy(champion.path, catalogue=catalogue)
    unknown = [model for model in policy.models if model not in table.models]
    if unknown:
        raise DataError(
            f"the champion (version {champion.version}) chooses {unknown[0]!r}, of which {table.origin} has no "
            "outcomes; give gold outcomes of every model it chooses, or train anew with `pointsman train`"
        )
    return policy


def _judged(verdict: Verdict, found: Evaluation, *, against_champion: bool) -> Verdict:
    """Return the verdict with the figures and a sentence that claims no more than they allow."""
    difference = found.learned_lift if against_champion else found.lift
    assert difference is not None, "evaluate() compares with the twin that it is given"
    dial = found.operating.point.dial
    champion = next((point for point in found.twin_curve or () if point.dial == dial), None)
    rival = "the champion" if against_champion else "the constants"
    figures = (
        f"{difference.value:+.4f} hull lift against {rival} "
        f"(95% interval {difference.low:+.4f} to {difference.high:+.4f}, {found.n_tasks} gold tasks)"
    )
    if not verdict.gate_is_unseen:
        figures += "; the champion, trained from other gold or another split, may know some of these tasks"
    won = difference.low > 0.0
    return replace(
        verdict,
        promoted=won,
        reason=f"the challenger {'wins and serves' if won else 'does not win, so nothing changes'}: {figures}",
        n_gate_tasks=found.n_tasks,
        dial=dial,
        difference=difference,
        challenger=(found.operating.point.usd, found.operating.point.quality),
        champion=None if champion is None else (champion.usd, champion.quality),
    )


def _register(
    store: Store, challenger: Policy, champion: ChampionPolicy | None, table: OutcomeTable, found: Evaluation
) -> str:
    """Register the challenger; it keeps the champion's answer model, which verifier labels must not teach."""
    with tempfile.TemporaryDirectory() as folder:
        challenger.save(Path(folder) / "policy")
        run = store.log_training(
            Path(folder) / "policy",
            answer_model_dir=None if champion is None else champion.answer_model_path,
            metrics={"gate_lift": found.lift.value, "gate_aiq": found.aiq.value},
            data_digest=table.digest,
            tags={"role": "challenger"},
        )
    return run.version


def _log(store: Store, verdict: Verdict, merged: Merged, catalogue: Catalogue) -> str:
    """Write the verdict as a run of its own."""
    metrics: dict[str, float] = {
        "promoted": verdict.promoted,
        "n_gold": verdict.n_gold,
        "n_feedback": verdict.n_feedback,
        "n_gate_tasks": verdict.n_gate_tasks,
        **{f"left_out/{reason}": count for reason, count in merged.left_out.items()},
    }
    if verdict.difference is not None:
        bounds = {
            "": verdict.difference.value,
            "_low": verdict.difference.low,
            "_high": verdict.difference.high,
        }
        metrics |= {f"difference{suffix}": value for suffix, value in bounds.items()}
    for side, point in {"challenger": verdict.challenger, "champion": verdict.champion}.items():
        if point is not None:
            metrics |= {f"{side}_usd": point[0], f"{side}_quality": point[1]}
    return store.log_verdict(
        params={
            "challenger_version": verdict.version,
            "champion_version": verdict.champion_version,
            "dial": verdict.dial,
            "data_digest": merged.table.digest,
            "price_digest": price_digest(catalogue),
        },
        metrics=metrics,
        tags={"verdict": "promoted" if verdict.promoted else "kept", "mlflow.note.content": verdict.reason},
    )
