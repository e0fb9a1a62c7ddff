"""A token bucket: how many requests may come at once, and how many a minute in the long run."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bucket:
    """`tokens` are left at `at_s` (seconds); a request takes one, and `per_minute` of them come back each minute.

    The bucket holds `per_minute` tokens, so no window of w minutes sees more than (1 + w) * per_minute requests.
    """

    per_minute: int
    tokens: float
    at_s: float

    @classmethod
    def full(cls, per_minute: int, now_s: float) -> Bucket:
        """Return a bucket from which nothing was taken."""
        return cls(per_minute, float(per_minute), now_s)

    def refilled(self, now_s: float) -> Bucket:
        """Return the bucket as it is now; a clock that was set back brings no tokens and takes none."""
        gained = max(0.0, now_s - self.at_s) * self.per_minute / 60.0
        return Bucket(self.per_minute, min(self.tokens + gained, float(self.per_minute)), now_s)

    def taken(self, now_s: float) -> Bucket | None:
        """Return the bucket after a request; None if it holds too little for one."""
        now = self.refilled(now_s)
        return Bucket(self.per_minute, now.tokens - 1.0, now_s) if now.tokens >= 1.0 else None

    def wait_s(self, now_s: float) -> int:
        """Return after how many whole seconds a request may come."""
        missing = 1.0 - self.refilled(now_s).tokens
        return max(0, math.ceil(missing * 60.0 / self.per_minute))
