"""The door where keys were made: who asks, how often, and for how much."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlsplit

from orchestrator.gateway.accounts import Accounts
from orchestrator.gateway.callers import Caller
from orchestrator.gateway.errors import ApiError
from orchestrator.gateway.keys import Keys
from orchestrator.gateway.spending import Hold, Ledger, OutOfBudget, TooSoon
from orchestrator.settings import LOOPBACK
from router_training.contract import UsageError

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
LOOK_S = 1.0  # between two looks for the first key
CHALLENGE = {"WWW-Authenticate": "Bearer"}


class KeyGate:
    """Lets requests in by their key. The key file is read and written in a thread of its own.

    Until the first key is made, everybody is let in.

    Args:
        accounts: the key file, which other processes may share; new and revoked keys count at once.
        now: the clock, in UTC.
        monotonic: seconds, of a clock that is never set.
    """

    def __init__(
        self,
        accounts: Accounts,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic, self._open_until = monotonic, -math.inf
        self._accounts = accounts
        self._keys, self._ledger = Keys(accounts, now), Ledger(accounts, now)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="accounts")
        self._guarded = self._keys.configured()

    async def admit(self, headers: Mapping[str, str]) -> Caller:
        """Return who asks; it counts against the key's rate.

        Raises:
            ApiError: 401 without a key in use, 429 where its requests come too fast; without keys 403 where a web
                page of somebody else may be asking.
        """
        if (anybody := self._known_to_be_open(headers)) is not None:
            return anybody
        return await self._in_thread(self._admit, headers)

    async def identify(self, headers: Mapping[str, str]) -> Caller:
        """Return who asks, counted against no rate.

        Raises:
            ApiError: as `admit`, but for 429.
        """
        if (anybody := self._known_to_be_open(headers)) is not None:
            return anybody
        return await self._in_thread(self._identify, headers)

    async def reserve(self, caller: Caller, usd: float, least_usd: float | None = None) -> Hold:
        """Set aside the most that a request may cost; it has to keep to the hold's `usd` (see `Ledger.reserve`).

        Raises:
            ApiError: 429, because the key's budget of the day or month does not cover it.
        """
        if caller.key is None:
            return Hold("", "", usd)
        held = await self._in_thread(self._ledger.reserve, caller.key, usd, least_usd)
        if isinstance(held, OutOfBudget):
            raise _out_of_budget(held)
        return held

    def settle(self, hold: Hold, usd: float) -> None:
        """Replace a hold by what the request has cost; it does not wait, so that a cancelled request can call it."""
        if hold.key_id:
            self._thread.submit(self._ledger.settle, hold, usd).add_done_callback(_log_failure)

    def close(self) -> None:
        """Finish what was begun, and close the file."""
        self._thread.shutdown(wait=True)
        self._accounts.close()

    def _known_to_be_open(self, headers: Mapping[str, str]) -> Caller | None:
        """Return anybody where there was no key a moment ago, so that no thread is asked for each request."""
        if self._monotonic() >= self._open_until:
            return None
        require_local(headers)
        return Caller()

    def _admit(self, headers: Mapping[str, str]) -> Caller:
        caller = self._identify(headers)
        if caller.key is not None and (too_soon := self._ledger.enter(caller.key)) is not None:
            raise _too_soon(too_soon)
        return caller

    def _identify(self, headers: Mapping[str, str]) -> Caller:
        secret = secret_of(headers.get("authorization"))
        key = self._keys.find(secret)
        if key is not None:
            models = None if key.allowance.models is None else frozenset(key.allowance.models)
            return Caller(key.name, models, key.allowance.operator, key)
        self._guarded = self._guarded or self._keys.configured()
        if self._guarded:
            raise _unknown(secret)
        require_local(headers)
        self._open_until = self._monotonic() + LOOK_S
        return Caller()

    async def _in_thread(self, work: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


def secret_of(authorization: str | None) -> str | None:
    """Return what stands behind "Bearer" in an Authorization header; None if nothing does."""
    scheme, _, secret = (authorization or "").strip().partition(" ")
    return (secret.strip() or None) if scheme.lower() == "bearer" else None


def allowed_models(caller: Caller, cards: Iterable[str]) -> tuple[str, ...]:
    """Return the models that a caller may use, in the order of the cards.

    Raises:
        ApiError: 403, because it may use none of them.
    """
    allowed = tuple(card for card in cards if caller.models is None or card in caller.models)
    if not allowed:
        raise ApiError(
            403, f"the key {caller.name!r} may use none of this gateway's models", "model_not_found", "model"
        )
    return allowed


def require_model(caller: Caller, model: str) -> None:
    """Check that a caller may use a model.

    Raises:
        ApiError: 403, because it may not.
    """
    if caller.models is not None and model not in caller.models:
        may = ", ".join(sorted(caller.models))
        message = f"the key {caller.name!r} may not use the model {model!r}; it may use {may}"
        raise ApiError(403, message, "model_not_found", "model")


def require_operator(caller: Caller) -> None:
    """Check that a caller may read what concerns all callers.

    Raises:
        ApiError: 403, because it may not.
    """
    if not caller.is_operator:
        message = (
            f"the key {caller.name!r} is no operator's; make one with `pointsman keys add NAME --operator`"
        )
        raise ApiError(403, message, "operator_required")


def require_local(headers: Mapping[str, str]) -> None:
    """Check that no web page of somebody else sent this, which a browser lets it do even to this very machine.

    Raises:
        ApiError: 403, because the page that asks, or the name under which it found us, is not local.
    """
    for name, address in (("Host", f"//{headers.get('host', '')}"), ("Origin", headers.get("origin", "//"))):
        if address != "//" and _host_in(address) not in LOOPBACK:
            message = f"without API keys only this machine is served, and {name} is another; run `pointsman keys add NAME`"
            raise ApiError(403, message, "not_local")


def _host_in(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def check_binding(host: str, *, guarded: bool) -> None:
    """Check that without keys nobody but this machine is served.

    Raises:
        UsageError: no key was ever made, and the host is no loopback address.
    """
    if not guarded and host not in LOOPBACK:
        raise UsageError(
            f"host is {host!r} and no API key was made, so that whoever reaches this machine could spend your money; "
            "make a key with `pointsman keys add NAME`, or use --host 127.0.0.1"
        )


def _unknown(secret: str | None) -> ApiError:
    said = "this key opens nothing here" if secret else "no API key was given"
    message = f"{said}; send one that `pointsman keys add` printed, as Authorization: Bearer KEY"
    return ApiError(401, message, "invalid_api_key", headers=CHALLENGE)


def _too_soon(found: TooSoon) -> ApiError:
    message = f"this key may make {found.per_minute} requests a minute; try again in {found.retry_after_s} s"
    return ApiError(429, message, "rate_limit_exceeded", headers=_after(found.retry_after_s))


def _out_of_budget(found: OutOfBudget) -> ApiError:
    message = (
        f"this key's budget is ${found.budget_usd:g} a {found.period}, of which ${found.left_usd:.6g} is left; this "
        f"request may cost ${found.asked_usd:.6g}; the next {found.period} (UTC) begins in {found.retry_after_s} s"
    )
    # the openai client obeys x-should-retry: nothing changes before the budget does
    headers = {**_after(found.retry_after_s), "x-should-retry": "false"}
    return ApiError(429, message, "insufficient_quota", headers=headers)


def _after(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(max(1, seconds))}


def _log_failure(done: Future[None]) -> None:
    if (error := done.exception()) is not None:
        logger.error(
            "what a request cost could not be written, so that it counts as the most it could: %s", error
        )
