"""What keys spend: the most that a request may cost is set aside before it starts, the rest given back after."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from orchestrator.gateway.accounts import Accounts
from orchestrator.gateway.keys import ApiKey
from orchestrator.gateway.rate import Bucket
from router_training.contract import UsageError

NANO = 1e9
MOST_USD = 1e9
ADD = """
INSERT INTO spend (key_id, day, nano_usd, requests) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET nano_usd = nano_usd + excluded.nano_usd, requests = requests + excluded.requests
"""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a key has spent on this day and in this month (UTC), with all that is set aside."""

    usd_today: float
    usd_this_month: float
    requests_today: int


@dataclass(frozen=True, slots=True)
class Hold:
    """USD set aside for one request; it counts as spent on `day`, when the request began, until it is settled."""

    key_id: str
    day: str
    usd: float


@dataclass(frozen=True, slots=True)
class TooSoon:
    """The key's requests come too fast; one may come after `retry_after_s` seconds."""

    per_minute: int
    retry_after_s: int


@dataclass(frozen=True, slots=True)
class OutOfBudget:
    """The `period`'s budget does not cover the request; the next period begins in `retry_after_s` seconds."""

    period: str
    budget_usd: float
    left_usd: float
    asked_usd: float
    retry_after_s: int


class Ledger:
    """Spending and rates of all keys in one file; several processes may share it.

    A request whose process dies keeps its hold: nobody knows what it cost, so it counts as the most it could.
    """

    def __init__(self, accounts: Accounts, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._accounts = accounts
        self._now = now

    def enter(self, key: ApiKey) -> TooSoon | None:
        """Take one request from the key's rate, or say why it has to wait; then nothing has changed."""
        per_minute = key.allowance.requests_per_minute
        if per_minute is None:
            return None
        now_s = self._now().timestamp()
        with self._accounts.transaction() as db:
            query = "SELECT tokens, at_s FROM bucket WHERE key_id = ?"
            row = db.execute(query, (key.key_id,)).fetchone()
            bucket = Bucket.full(per_minute, now_s) if row is None else Bucket(per_minute, *row)
            after = bucket.taken(now_s)
            if after is None:
                return TooSoon(per_minute, bucket.wait_s(now_s))
            values = (key.key_id, after.tokens, after.at_s)
            db.execute("INSERT OR REPLACE INTO bucket (key_id, tokens, at_s) VALUES (?, ?, ?)", values)
        return None

    def reserve(self, key: ApiKey, usd: float, least_usd: float | None = None) -> Hold | OutOfBudget:
        """Set aside what a request may cost at most, or say why it may not start; then nothing has changed.

        Args:
            key: whose request it is.
            usd: the most that it may cost, 0 or more.
            least_usd: what it needs to start at all; where the budget covers this and not `usd`, all that is left is
                set aside, and the request has to keep to that. By default `usd`.

        Raises:
            UsageError: an amount is negative or not finite.
        """
        now = self._now().astimezone(UTC)
        asked, least = nano(usd), nano(usd if least_usd is None else min(usd, least_usd))
        with self._accounts.transaction() as db:
            held = _within_budgets(db, key, now, asked, least)
            if isinstance(held, OutOfBudget):
                return held
            db.execute(ADD, (key.key_id, now.date().isoformat(), held, 1))
        return Hold(key.key_id, now.date().isoformat(), held / NANO)

    def settle(self, hold: Hold, usd: float) -> None:
        """Replace what was set aside by what the request has cost; call it once for each hold."""
        with self._accounts.transaction() as db:
            db.execute(ADD, (hold.key_id, hold.day, nano(usd) - nano(hold.usd), 0))

    def spent(self, key: ApiKey) -> Spent:
        """Return what the key has spent."""
        today = self._now().astimezone(UTC).date().isoformat()
        query = "SELECT day, nano_usd, requests FROM spend WHERE key_id = ? AND day LIKE ?"
        rows = self._accounts.rows(query, (key.key_id, f"{today[:7]}-%"))
        of_today = [row for row in rows if row[0] == today]
        return Spent(
            sum(row[1] for row in of_today) / NANO,
            sum(row[1] for row in rows) / NANO,
            sum(row[2] for row in of_today),
        )


def nano(usd: float) -> int:
    """Return USD in billionths, rounded up: whole numbers add up exactly, floats do not.

    Raises:
        UsageError: if it is no amount from 0 to 1e9.
    """
    if not 0.0 <= usd <= MOST_USD:
        raise UsageError(f"the amount is {usd!r}; it must lie in [0, {MOST_USD:g}] USD")
    return math.ceil(round(usd * NANO, 3))  # what multiplying adds in the last digit is no billionth more


def _within_budgets(
    db: sqlite3.Connection, key: ApiKey, now: datetime, asked: int, least: int
) -> int | OutOfBudget:
    """Return how many billionths of a USD may be set aside: at most `asked`, at least `least`."""
    today = datetime(now.year, now.month, now.day, tzinfo=UTC)
    next_month = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    periods = (
        ("day", key.allowance.usd_per_day, f"{today:%Y-%m-%d}", today + timedelta(days=1)),
        ("month", key.allowance.usd_per_month, f"{today:%Y-%m}-%", next_month),
    )
    held = asked
    for period, budget_usd, days, end in periods:
        if budget_usd is None:
            continue
        query = "SELECT COALESCE(SUM(nano_usd), 0) FROM spend WHERE key_id = ? AND day LIKE ?"
        (spent,) = db.execute(query, (key.key_id, days)).fetchone()
        left = nano(budget_usd) - spent
        if left < least:
            retry_after_s = math.ceil((end - now).total_seconds())
            return OutOfBudget(period, budget_usd, max(0.0, left / NANO), least / NANO, retry_after_s)
        held = min(held, left)
    return held
