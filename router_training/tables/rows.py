"""A table as outcomes again."""

from __future__ import annotations

from router_training.contract import Outcome
from router_training.outcomes import OutcomeTable


def outcomes_of_table(table: OutcomeTable) -> list[Outcome]:
    """Return the rows of a table as outcomes; `OutcomeTable.from_outcomes` makes the same table of them."""
    frame = table.frame.astype(object).where(table.frame.notna(), None)
    return [Outcome(**{str(key): value for key, value in row.items()}) for row in frame.to_dict("records")]
