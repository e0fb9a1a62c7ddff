"""The door: who asks, how often, and for how much; every refusal in OpenAI's words."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from orchestrator.gateway.accounts import Accounts
from orchestrator.gateway.keys import Allowance, ApiKey, Keys
from orchestrator.gateway.spending import Hold, Ledger, OutOfBudget, TooSoon
from router_training.contract import UsageError

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
LOOPBACK = ("127.0.0.1", "::1", "localhost")
ANYONE = ApiKey("", "anyone", "", None, Allowance(operator=True), b"")
"""Who asks where no key was ever made: whoever sits at this machine."""


@dataclass
class Refused(Exception):
    """A request that may not pass; `status`, `kind` and `code` are OpenAI's for such errors."""

    status: int
    message: str
    kind: str
    code: str | None
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, object]:
        """Return the error as OpenAI's clients read it."""
        error = {"message": self.message, "type": self.kind, "param": None, "code": self.code}
        return {"error": error}


class Gate:
    """Lets requests in by their key, and keeps count. The file is read and written in a thread of its own.

    Args:
        accounts: the file of keys, which other processes may share; new and revoked keys count at once.
        now: the clock, in UTC.
    """

    def __init__(self, accounts: Accounts, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._keys, self._ledger = Keys(accounts, now), Ledger(accounts, now)
        self._accounts = accounts
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="accounts")
        self._guarded = self._keys.configured()

    async def enter(self, authorization: str | None) -> ApiKey:
        """Return whose request it is, given its Authorization header; it counts against the key's rate.

        Raises:
            Refused: there is no such key (401), or its requests come too fast (429).
        """
        return await self._in_thread(self._enter, authorization)

    async def reserve(self, key: ApiKey, usd: float, least_usd: float | None = None) -> Hold:
        """Set aside what a request may cost; it has to keep to `usd` of the hold (see `Ledger.reserve`).

        Raises:
            Refused: the key's budget of the day or month does not cover it (429).
        """
        if key is ANYONE:
            return Hold(key.key_id, "", usd)
        held = await self._in_thread(self._ledger.reserve, key, usd, least_usd)
        if isinstance(held, OutOfBudget):
            raise _out_of_budget(held)
        return held

    def settle(self, hold: Hold, usd: float) -> None:
        """Replace a hold by what the request has cost. It returns at once, so that a cancelled request can call it."""
        if hold.key_id != ANYONE.key_id:
            self._thread.submit(self._ledger.settle, hold, usd).add_done_callback(_log_failure)

    def close(self) -> None:
        """Finish what was begun, and close the file."""
        self._thread.shutdown(wait=True)
        self._accounts.close()

    def _enter(self, authorization: str | None) -> ApiKey:
        secret = secret_of(authorization)
        key = self._keys.find(secret)
        if key is None:
            self._guarded = self._guarded or self._keys.configured()
            if self._guarded:
                raise _unknown(secret)
            return ANYONE
        too_soon = self._ledger.enter(key)
        if too_soon is not None:
            raise _too_soon(too_soon)
        return key

    async def _in_thread(self, work: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


def secret_of(authorization: str | None) -> str | None:
    """Return what stands behind "Bearer" in an Authorization header; None if nothing does."""
    scheme, _, secret = (authorization or "").strip().partition(" ")
    return (secret.strip() or None) if scheme.lower() == "bearer" else None


def allowed_models(key: ApiKey, cards: Iterable[str]) -> tuple[str, ...]:
    """Return the models that a key may use, in the order of the cards.

    Raises:
        Refused: it may use none of them (403).
    """
    allowed = tuple(card for card in cards if key.may_use(card))
    if not allowed:
        raise Refused(
            403, f"The key {key.name!r} may use none of this router's models.", INVALID, "model_not_found"
        )
    return allowed


def require_model(key: ApiKey, model: str) -> None:
    """Check that a key may use a model.

    Raises:
        Refused: it may not (403).
    """
    if not key.may_use(model):
        message = f"The key {key.name!r} may not use the model {model!r}; it may use {_listed(key)}."
        raise Refused(403, message, INVALID, "model_not_found")


def require_operator(key: ApiKey) -> None:
    """Check that a key reads what concerns all keys.

    Raises:
        Refused: it does not (403).
    """
    if not key.allowance.operator:
        message = f"The key {key.name!r} is no operator's; make one with: pointsman keys add NAME --operator"
        raise Refused(403, message, INVALID, "operator_required")


def check_binding(host: str, *, guarded: bool) -> None:
    """Check that without keys nobody but this machine is served.

    Raises:
        UsageError: there is no key, and the host is no loopback address.
    """
    if not guarded and host not in LOOPBACK:
        raise UsageError(
            f"host is {host!r} and no API key was made, so that anyone who reaches this machine could spend your "
            "money; make a key with `pointsman keys add NAME`, or use --host 127.0.0.1"
        )


INVALID = "invalid_request_error"
CHALLENGE = {"WWW-Authenticate": "Bearer"}


def _unknown(secret: str | None) -> Refused:
    said = "This key opens nothing here" if secret else "No API key was given"
    message = f"{said}; send one that `pointsman keys add` printed, as Authorization: Bearer KEY."
    return Refused(401, message, INVALID, "invalid_api_key", CHALLENGE)


def _too_soon(found: TooSoon) -> Refused:
    message = f"This key may make {found.per_minute} requests a minute; try again in {found.retry_after_s} s."
    return Refused(429, message, "requests", "rate_limit_exceeded", _after(found.retry_after_s))


def _out_of_budget(found: OutOfBudget) -> Refused:
    message = (
        f"This key's budget is ${found.budget_usd:g} a {found.period} and ${found.left_usd:.6g} of it is left, less than "
        f"the ${found.asked_usd:.6g} that this request may cost; the next {found.period} (UTC) begins in "
        f"{found.retry_after_s} s."
    )
    headers = {**_after(found.retry_after_s), "x-should-retry": "false"}  # the openai client obeys this one
    return Refused(429, message, "insufficient_quota", "insufficient_quota", headers)


def _after(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(max(1, seconds))}


def _listed(key: ApiKey) -> str:
    return ", ".join(key.allowance.models or ("any",))


def _log_failure(done: Future[None]) -> None:
    if (error := done.exception()) is not None:
        logger.error("a hold was not settled and counts in full: %s", error)
