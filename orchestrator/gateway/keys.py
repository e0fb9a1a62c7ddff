"""Who may ask: API keys, of which only digests are kept, with what each may ask for and spend."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from orchestrator.gateway.accounts import Accounts
from router_training.contract import UsageError

PREFIX = "pm"
COLUMNS = "key_id, name, created, revoked, operator, requests_per_minute, usd_per_day, usd_per_month, models, digest"
FORM = re.compile(rf"{PREFIX}-([0-9a-f]{{12}})-[A-Za-z0-9_-]{{43}}")
NOBODY = hashlib.sha256(b"").digest()


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key may do; None is no limit. Days and months are those of UTC.

    `models` are names of model cards. An operator's key also reads the figures and requests of all keys.
    """

    requests_per_minute: int | None = None
    usd_per_day: float | None = None
    usd_per_month: float | None = None
    models: tuple[str, ...] | None = None
    operator: bool = False

    def __post_init__(self) -> None:
        for name in ("usd_per_day", "usd_per_month"):
            usd = getattr(self, name)
            if usd is not None and not (math.isfinite(usd) and 0.0 <= usd <= 1e9):
                raise UsageError(f"{name} is {usd!r}; it must be an amount in USD from 0 to 1e9")
        if self.requests_per_minute is not None and not 1 <= self.requests_per_minute <= 1_000_000:
            raise UsageError(
                f"requests_per_minute is {self.requests_per_minute!r}; it must lie in [1, 1000000]"
            )
        if self.models is not None and not self.models:
            raise UsageError("models is empty; name at least one model, or none to allow all")

    @property
    def has_budget(self) -> bool:
        """Whether there is a hard stop."""
        return self.usd_per_day is not None or self.usd_per_month is not None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept: `digest` is the SHA-256 of the secret, which nobody can read back; times in ISO 8601."""

    key_id: str
    name: str
    created: str
    revoked: str | None
    allowance: Allowance
    digest: bytes = field(repr=False)


class Keys:
    """The keys of one file."""

    def __init__(self, accounts: Accounts, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._accounts = accounts
        self._now = now

    def add(self, name: str, allowance: Allowance = Allowance()) -> str:
        """Make a key and return its secret, the only time that it can be seen.

        Raises:
            UsageError: the name is blank, or another key in use has it.
        """
        if not name.strip() or not name.isprintable():
            raise UsageError(f"the key's name is {name!r}; give one that can be read, such as 'alice'")
        key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        full = f"{PREFIX}-{key_id}-{secret}"
        models = None if allowance.models is None else json.dumps(allowance.models)
        limits = (allowance.requests_per_minute, allowance.usd_per_day, allowance.usd_per_month, models)
        row = (key_id, name, self._time(), None, int(allowance.operator), *limits, digest(full))
        try:
            with self._accounts.transaction() as db:
                db.execute(f"INSERT INTO key ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError as error:
            raise UsageError(
                f"a key named {name!r} is in use; choose another name, or revoke that one"
            ) from error
        return full

    def all(self) -> list[ApiKey]:
        """Return every key, revoked ones too, oldest first."""
        return self._where("1 ORDER BY created, rowid")

    def find(self, secret: str | None) -> ApiKey | None:
        """Return the key in use that this secret opens; None where there is none.

        The time it takes says nothing about how much of a secret was right.
        """
        form = FORM.fullmatch(secret or "")
        found = self._where("key_id = ? AND revoked IS NULL", form[1]) if form else []
        expected = found[0].digest if found else NOBODY
        same = hmac.compare_digest(digest(secret or ""), expected)
        return found[0] if found and same else None

    def revoke(self, name: str) -> ApiKey:
        """Make a key, given its name or id, open nothing from now on, and return it.

        Raises:
            UsageError: no key in use is called so.
        """
        found = self._where("key_id = ? AND revoked IS NULL", name)
        found = found or self._where("name = ? AND revoked IS NULL", name)
        if not found:
            in_use = ", ".join(repr(key.name) for key in self.all() if key.revoked is None)
            raise UsageError(f"no key in use is called {name!r}; name one of: {in_use or 'none is in use'}")
        with self._accounts.transaction() as db:
            db.execute("UPDATE key SET revoked = ? WHERE key_id = ?", (self._time(), found[0].key_id))
        return found[0]

    def configured(self) -> bool:
        """Tell whether a key was ever made: one that was revoked does not open the door to all."""
        return bool(self._where("1 LIMIT 1"))

    def _where(self, condition: str, *values: str) -> list[ApiKey]:
        return [
            _key(*row) for row in self._accounts.rows(f"SELECT {COLUMNS} FROM key WHERE {condition}", values)
        ]

    def _time(self) -> str:
        return self._now().isoformat(timespec="seconds")


def digest(secret: str) -> bytes:
    """Return the SHA-256 of a secret. No salt, no stretching: 256 random bits cannot be guessed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _key(
    key_id: str,
    name: str,
    created: str,
    revoked: str | None,
    operator: int,
    requests_per_minute: int | None,
    usd_per_day: float | None,
    usd_per_month: float | None,
    models: str | None,
    digest_: bytes,
) -> ApiKey:
    named = None if models is None else tuple(json.loads(models))
    allowance = Allowance(requests_per_minute, usd_per_day, usd_per_month, named, bool(operator))
    return ApiKey(key_id, name, created, revoked, allowance, digest_)
