"""How fast an endpoint is asked: so many calls at once, so many a minute, and not at all while it says "later"."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from router_training.contract import Catalogue, ModelCard

T = TypeVar("T", int, float)
Endpoint = tuple[str | None, str | None]


class Pace:
    """One endpoint's gate; `concurrency` calls at once, `per_minute` starts a minute (None: as many as there are)."""

    def __init__(self, concurrency: int, per_minute: float | None = None) -> None:
        self.concurrency = concurrency
        self._gap_s = 0.0 if per_minute is None else 60.0 / per_minute
        self._slots = asyncio.Semaphore(concurrency)
        self._next_s = 0.0

    @asynccontextmanager
    async def turn(self, ended: asyncio.Event) -> AsyncIterator[None]:
        """Hold one of the endpoint's slots, from the moment that its pace allows, or that `ended` is set."""
        async with self._slots:
            clock = asyncio.get_running_loop()
            start_s = max(self._next_s, clock.time())
            self._next_s = start_s + self._gap_s
            await rest(start_s - clock.time(), ended)
            yield

    def pause(self, seconds: float) -> None:
        """Start no call for so long: the endpoint asked for it."""
        self._next_s = max(self._next_s, asyncio.get_running_loop().time() + seconds)


async def rest(seconds: float, ended: asyncio.Event) -> None:
    """Wait so long, or until `ended` is set."""
    if seconds > 0:
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), seconds)


def endpoint_of(card: ModelCard) -> Endpoint:
    """Return what shares one rate limit: an address and the key used there."""
    return card.base_url, card.api_key_env


def paces(catalogue: Catalogue, concurrency: int) -> dict[Endpoint, Pace]:
    """Return a gate per endpoint; the strictest of its cards counts."""
    cards: dict[Endpoint, list[ModelCard]] = {}
    for card in catalogue.values():
        cards.setdefault(endpoint_of(card), []).append(card)
    return {
        endpoint: Pace(
            _least([concurrency, *(card.max_concurrency for card in sharing)]) or concurrency,
            _least(card.requests_per_minute for card in sharing),
        )
        for endpoint, sharing in cards.items()
    }


def _least(values: Iterable[T | None]) -> T | None:
    return min((value for value in values if value is not None), default=None)
