"""Who asks, and who is told afterwards: the seams for keys, budgets, metrics and the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from orchestrator.gateway.keys import ApiKey
from orchestrator.gateway.spending import Hold


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request: the name of a key, None without keys; `models` are those it may use, None all.

    An operator also reads what concerns other callers: metrics, and their requests.
    """

    name: str | None = None
    models: frozenset[str] | None = None
    is_operator: bool = True
    key: ApiKey | None = field(default=None, repr=False)


class Gate(Protocol):
    """Lets callers in, and keeps count of what they spend."""

    async def admit(self, headers: Mapping[str, str]) -> Caller:
        """Return who asks.

        Raises:
            ApiError: 401 without a valid key, 429 above a limit.
        """
        ...

    async def identify(self, headers: Mapping[str, str]) -> Caller:
        """Return who asks, as `admit` does, for what asks no model and counts against no limit.

        Raises:
            ApiError: 401 without a valid key.
        """
        ...

    async def reserve(self, caller: Caller, usd: float, least_usd: float | None = None) -> Hold:
        """Set aside the most that a request may cost; it has to keep to the hold's `usd` (see `Ledger.reserve`).

        Raises:
            ApiError: 429, because a budget does not cover it.
        """
        ...

    def settle(self, hold: Hold, usd: float) -> None:
        """Replace a hold by what the request has cost, once, also for requests that failed; it does not wait."""
        ...

    def close(self) -> None:
        """Write down all that was settled."""
        ...


class OpenGate:
    """Lets everybody in: for loopback."""

    async def admit(self, headers: Mapping[str, str]) -> Caller:
        return Caller()

    async def identify(self, headers: Mapping[str, str]) -> Caller:
        return Caller()

    async def reserve(self, caller: Caller, usd: float, least_usd: float | None = None) -> Hold:
        return Hold("", "", usd)

    def settle(self, hold: Hold, usd: float) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Served:
    """A request that was answered, or failed: what metrics, budgets and the page are told.

    `answer` is the graph's last state (`nodes.Answer`), empty where the request was refused before. `asked_for` is the
    caller's `model`; `reference_usd` is what the reference model is forecast to cost for the same request, None where
    nobody knows; `first_token_s` is None where nothing was streamed; `is_broken_off` marks callers that hung up.
    `prompt` is what was asked, for those who may show it.
    """

    caller: Caller
    route: str
    asked_for: str
    strategy: str
    status: int
    latency_s: float
    answer: Mapping[str, Any] = field(default_factory=dict)
    reference_usd: float | None = None
    first_token_s: float | None = None
    is_broken_off: bool = False
    prompt: str = ""


class Watcher(Protocol):
    """Is told of every request when it is over; must not block, and what it raises is only logged."""

    def __call__(self, served: Served) -> object: ...
