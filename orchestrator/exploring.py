"""A small, stated share of requests goes to another model, so that logged traffic can judge what it did not do.

The coin is the trace id: the same request always falls the same way, nothing has to be remembered, and no request sees
another's luck.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace

from orchestrator.limits import is_number
from orchestrator.moves import Ask, Move, Situation
from router_training.contract import UsageError

DEFAULT_SHARE = 0.01
MOST = 0.5


@dataclass(frozen=True, slots=True)
class Exploration:
    """With probability `share`, one of the k other models that may be asked answers, each with share / k.

    Only a first move that asks a single model is turned, and only to models that are allowed, able, within budget and
    deadline at their upper bounds, and forecast to cost at most `below_usd`.
    """

    share: float = 0.0
    below_usd: float = math.inf

    def __post_init__(self) -> None:
        if not (is_number(self.share) and 0.0 <= self.share <= MOST):
            raise UsageError(
                f"the share to explore is {self.share!r}; it lies in [0, {MOST}], {DEFAULT_SHARE} is usual, 0 is off"
            )

    def turned(self, move: Move, situation: Situation, trace_id: str) -> tuple[Move, float]:
        """Return the first move as it is made, and the probability with which its model was chosen."""
        if self.share == 0.0 or not isinstance(move, Ask) or len(move.models) > 1 or move.hedge:
            return move, 1.0
        others = sorted(
            one.model
            for one in situation.open()
            if one.model != move.models[0] and one.usd_bound <= self.below_usd
        )
        if not others:
            return move, 1.0
        drawn = uniform("explore", trace_id)
        if drawn >= self.share:
            return move, 1.0 - self.share
        other = others[min(int(drawn / self.share * len(others)), len(others) - 1)]
        return replace(move, models=(other,)), self.share / len(others)


def uniform(what: str, trace_id: str) -> float:
    """Return a number in [0, 1) that follows from the trace id, another one for each purpose."""
    return int.from_bytes(hashlib.sha256(f"{what} {trace_id}".encode()).digest()[:7], "big") / 2**56
