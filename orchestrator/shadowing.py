"""A second model answers a share of requests in their shadow: nobody sees or waits for its answer, feedback keeps it.

The coin is the trace id, and independent of that of `exploring`. A request whose answer was given is asked again of one
model that it has not asked, with a probability that its row holds; labels so won teach the next router, and are no part
of what the serving one is worth.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from langchain_core.language_models import BaseChatModel

from orchestrator import failures
from orchestrator.exploring import uniform
from orchestrator.limits import is_number
from orchestrator.second_answers import SecondAnswers
from orchestrator.verifiers import Verifier
from router_training.contract import Catalogue, RequestRecord, UsageError

logger = logging.getLogger(__name__)

USD_PER_DAY = 1.0
AT_ONCE = 8
BUSY, BUDGET, UNAVAILABLE = "busy", "budget", "unavailable"
NOT_MADE = (failures.CIRCUIT_OPEN.name, failures.TOO_DEAR.name)


class Purse(Protocol):
    """Sets money aside before it is spent; several threads may ask at once."""

    def reserve(self, usd: float) -> object | None:
        """Set aside the most that a call may cost; None where that is not left."""
        ...

    def settle(self, hold: Any, usd: float) -> None:
        """Replace a hold by what the call has cost."""
        ...


class DailyPurse:
    """So many USD on each day (UTC), counted in this process alone."""

    def __init__(
        self, usd_per_day: float, today: Callable[[], str] = lambda: datetime.now(UTC).date().isoformat()
    ) -> None:
        self._most, self._today, self._lock = usd_per_day, today, threading.Lock()
        self._spent: dict[str, float] = {}

    def reserve(self, usd: float) -> tuple[str, float] | None:
        """Set aside what a call may cost; what it costs counts on the day when it began."""
        day = self._today()
        with self._lock:
            spent = self._spent.get(day, 0.0)
            if spent + usd > self._most:
                return None
            self._spent = {kept: usd for kept, usd in self._spent.items() if kept >= day}
            self._spent[day] = spent + usd
        return day, usd

    def settle(self, hold: tuple[str, float], usd: float) -> None:
        """Replace a hold by what the call has cost."""
        with self._lock:
            self._spent[hold[0]] = self._spent.get(hold[0], hold[1]) + usd - hold[1]


@dataclass(frozen=True, slots=True)
class Shadow:
    """With probability `share` a second model is asked: `model`, or where that is None any other, each alike likely.

    Only models that the request allows and that are able; `at_once` calls at most are under way, and further requests are
    passed over.
    """

    share: float = 0.0
    model: str | None = None
    at_once: int = AT_ONCE

    def __post_init__(self) -> None:
        if not (is_number(self.share) and 0.0 <= self.share <= 1.0):
            raise UsageError(
                f"the share to ask in shadow is {self.share!r}; it lies in [0, 1], 0.05 is usual, 0 is off"
            )
        if self.at_once < 1:
            raise UsageError(f"at_once is {self.at_once!r}; at least 1 call has to be allowed")

    def drawn(self, record: RequestRecord, below_usd: float = math.inf) -> tuple[str, float] | None:
        """Return the model that is asked in the shadow of this request, and with what probability; None for most.

        None that is forecast to cost more than `below_usd` at its upper bound.
        """
        if self.share == 0.0 or record.model is None:
            return None
        asked = {one.model for one in record.attempts} | set(record.decision.barred)
        others = sorted(
            one.model
            for one in record.decision.forecasts
            if one.model not in asked and one.usd_bound <= below_usd and self.model in (None, one.model)
        )
        drawn = uniform("shadow", record.trace_id)
        if not others or drawn >= self.share:
            return None
        return others[min(int(drawn / self.share * len(others)), len(others) - 1)], self.share / len(others)


class Shadows:
    """Asks second models, off the path of the requests: in the event loop's spare time, else in threads of its own.

    Args:
        shadow: whom to ask, and how often.
        told: is told of each second answer, as feedback is of requests; such records have `shadow_of`.
        purse: what second answers may cost; by default USD_PER_DAY in this process.
        options: turns the options of the request's own calls into those of its shadow's.
    """

    def __init__(
        self,
        shadow: Shadow,
        told: Callable[[RequestRecord], object],
        purse: Purse | None = None,
        options: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict,
    ) -> None:
        self.shadow, self._told, self._options = shadow, told, options
        self._purse: Purse = DailyPurse(USD_PER_DAY) if purse is None else purse
        self._lock = threading.RLock()  # what ends before it is watched is heard of at once
        self._threads = ThreadPoolExecutor(shadow.at_once, "shadow")
        self._under_way: set[asyncio.Task[None] | Future[None]] = set()
        self.passed_over: Counter[str] = Counter()

    def begin(self, second: SecondAnswers, state: Mapping[str, Any], record: RequestRecord) -> None:
        """Decide by chance whether a finished request is asked again, and begin; this returns at once."""
        drawn = None if _has_tools(state, record) else self.shadow.drawn(record, second.below_usd)
        if drawn is None:
            return
        work = _Work(second, second.call(state, drawn[0], self._options), record, *drawn)
        with self._lock:
            if len(self._under_way) >= self.shadow.at_once:
                self.passed_over[BUSY] += 1
                return
            self._start(work)

    def _start(self, work: _Work) -> None:
        started: asyncio.Task[None] | Future[None]
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            started = self._threads.submit(self._ask, work)
        else:  # the context of the request would show its listeners the second answer
            started = loop.create_task(self._ask_later(work), context=contextvars.Context())
        self._under_way.add(started)
        started.add_done_callback(self._ended)

    def _ended(self, done: asyncio.Task[None] | Future[None]) -> None:
        with self._lock:
            self._under_way.discard(done)
        if not done.cancelled() and (error := done.exception()) is not None:
            logger.error("a second answer was lost; the first is not affected", exc_info=error)

    def under_way(self) -> list[asyncio.Task[None]]:
        """Return the calls that event loops have begun."""
        with self._lock:
            return [one for one in self._under_way if isinstance(one, asyncio.Task)]

    def wait(self, timeout_s: float = 60.0) -> None:
        """Wait for the calls that threads have begun."""
        with self._lock:
            begun = [one for one in self._under_way if isinstance(one, Future)]
        for one in begun:
            one.exception(timeout_s)

    async def close(self) -> None:
        """Break off the calls that this event loop has begun; what they may have cost is kept."""
        begun = self.under_way()
        for one in begun:
            one.cancel()
        await asyncio.gather(*begun, return_exceptions=True)

    def _ask(self, work: _Work) -> None:
        hold = self._reserved(work)
        if hold is not None:
            self._end(hold, work.second.ask(work.call, work.model, work.record, work.propensity))

    async def _ask_later(self, work: _Work) -> None:
        hold = await asyncio.to_thread(self._reserved, work)
        if hold is None:
            return
        try:
            told = await work.second.ask_later(work.call, work.model, work.record, work.propensity)
        except asyncio.CancelledError:  # nobody knows what it cost: the whole hold stays spent
            self._told(work.second.broken_off(work.model, work.record, work.propensity))
            raise
        await asyncio.to_thread(self._end, hold, told)

    def _reserved(self, work: _Work) -> object | None:
        hold = self._purse.reserve(work.second.most_usd(work.call, work.model))
        if hold is None:
            with self._lock:
                self.passed_over[BUDGET] += 1
        return hold

    def _end(self, hold: object, told: RequestRecord) -> None:
        self._purse.settle(hold, told.usd)
        if told.attempts[0].failure in NOT_MADE:
            with self._lock:
                self.passed_over[UNAVAILABLE] += 1
            return
        self._told(told)


def begun_by(
    shadow: Shadows | None,
    cards: Catalogue,
    clients: Mapping[str, BaseChatModel],
    verifiers: Sequence[Verifier],
    below_usd: float,
) -> Callable[[Mapping[str, Any], RequestRecord], None] | None:
    """Return what is told of the finished requests of a graph over these models; None where nothing is asked twice."""
    return (
        None if shadow is None else partial(shadow.begin, SecondAnswers(cards, clients, verifiers, below_usd))
    )


@dataclass(frozen=True, slots=True)
class _Work:
    """One second answer to be asked for."""

    second: SecondAnswers
    call: Mapping[str, Any]
    record: RequestRecord
    model: str
    propensity: float


def _has_tools(state: Mapping[str, Any], record: RequestRecord) -> bool:
    """Tell whether tools had a part in the answer: a second answer without their results says nothing."""
    return bool(state.get("tools")) or any(one.tool_calls for one in record.attempts)
