"""All checks of one table, and the verdict in one sentence: is there anything to route here?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from router_training.contract import Catalogue
from router_training.embedding import Encoder
from router_training.inspection.alike import leakage, near_duplicates
from router_training.inspection.finding import Finding, Weight
from router_training.inspection.label_checks import LABEL_CHECKS
from router_training.inspection.learnability import (
    Learnability,
    learnability,
    learning_curve,
    room,
    sample_size,
)
from router_training.judging.bootstrap import Interval
from router_training.judging.evaluation_result import Evaluation
from router_training.outcomes import OutcomeTable, require_routable

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Examination:
    """What was found in a table, and the verdict."""

    origin: str
    n_tasks: int
    models: tuple[str, ...]
    findings: tuple[Finding, ...]
    verdict: str

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values; "schema" counts incompatible changes."""
        return {"schema": 1, **asdict(self)}


def examine(
    table: OutcomeTable,
    catalogue: Catalogue,
    encoder: Encoder,
    *,
    others: Sequence[OutcomeTable] = (),
    seed: int = 0,
    progress: Progress | None = None,
) -> Examination:
    """Look at labels, prompts and prices, train a plain router, and say whether there is anything to route.

    Args:
        table: the outcomes.
        catalogue: prices.
        encoder: turns prompts into vectors, which are kept in the cache.
        others: files that must not share tasks with this one.
        seed: of the split.
        progress: called with what is being done, how much is done, and how much there is.

    Raises:
        DataError: if there is nothing to choose from or to learn from.
    """
    require_routable(table)
    labels = [check(table, catalogue) for check in LABEL_CHECKS]
    vectors = encoder.encode_cached(table.prompts, None, progress)
    prompts = [near_duplicates(table, vectors), *leakage(table, others)]
    learned = learnability(table, catalogue, encoder, seed=seed, progress=progress)
    last = [sample_size(table, catalogue), room(learned.evaluation), learning_curve(learned)]
    findings = (*labels, *prompts, *last)
    return Examination(table.origin, len(table), table.models, findings, verdict(learned, findings))


def verdict(learned: Learnability, findings: Sequence[Finding]) -> str:
    """Return one sentence: is there anything to route here, and what to mend first."""
    bad = [finding.about for finding in findings if finding.weight is Weight.MEND]
    return _answer(learned.evaluation) + (f"; first mend: {', '.join(bad)}." if bad else ".")


def _answer(found: Evaluation) -> str:
    lift, gained = found.lift, found.learned_lift
    plain = f"a plain regression gains {_points(lift)} over mixes of single models, of {100 * found.oracle_lift:.1f} that an oracle would"
    if found.oracle_lift < 0.005:
        return "There is nothing to route here: even an oracle gains next to nothing over the single models"
    if lift.low > 0.0 and gained is not None and gained.low > 0.0:
        return f"There is something to route here: {plain}"
    if lift.low > 0.0:
        return (
            f"There is money to save here, but no sign that the prompt tells who will be right: {plain}, and about as "
            "much with shuffled labels"
        )
    return f"Nothing shows yet that the prompt tells who will be right here: {plain}"


def _points(one: Interval) -> str:
    return f"{100 * one.value:+.1f} points ({100 * one.low:+.1f} to {100 * one.high:+.1f})"
