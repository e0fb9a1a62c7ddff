"""Forecasts of requests that arrive together, made together, in one worker thread beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from router_training.contract import Forecast, Forecaster, Forecasts, Task

MOST_AT_ONCE = 8
"""So few that the event loop is busy with one batch while the worker is busy with the next."""
Row = tuple[Forecast, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """Who waits for the forecasts of a prompt, and in which event loop."""

    prompt: str
    found: asyncio.Future[Row]
    loop: asyncio.AbstractEventLoop


class Batcher:
    """Forecasts one task at a time for whoever calls it, and all that wait at once for whoever awaits `later`.

    Nobody waits for a batch to fill: the worker takes what has arrived while it was busy, at most MOST_AT_ONCE, and wakes
    the event loop once for all of them.
    """

    def __init__(self, policy: Forecaster, models: Collection[str]) -> None:
        self._policy, self._models = policy, models
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._is_busy = False
        self._worker = ThreadPoolExecutor(1, "forecast")

    def __call__(self, task: Task) -> Row:
        """Return the forecasts of one task, made in the calling thread."""
        return self._row(self._policy.forecast([task.prompt]), 0)

    async def later(self, task: Task) -> Row:
        """Return what a call returns, made in the worker together with what else is waiting."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Row] = loop.create_future()
        with self._lock:
            self._waiting.append(_Waiting(task.prompt, found, loop))
            is_idle, self._is_busy = not self._is_busy, True
        if is_idle:
            self._worker.submit(self._work)
        return await found

    def _work(self) -> None:
        """Serve until nobody waits."""
        while batch := self._next():
            if asked := [one for one in batch if not one.found.cancelled()]:
                self._serve(asked)

    def _next(self) -> list[_Waiting]:
        with self._lock:
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            self._is_busy = bool(batch)
        return batch

    def _serve(self, batch: list[_Waiting]) -> None:
        rows: list[Row] | Exception
        try:
            forecasts = self._policy.forecast([one.prompt for one in batch])
            rows = [self._row(forecasts, i) for i in range(len(batch))]
        except Exception as error:  # noqa: BLE001  # a worker hands over whatever was raised
            rows = error
        for loop in {one.loop for one in batch}:
            with suppress(RuntimeError):  # a loop that was closed has nobody left who waits
                loop.call_soon_threadsafe(_deliver, loop, batch, rows)

    def _row(self, forecasts: Forecasts, i: int) -> Row:
        return tuple(one for one in forecasts.row(i) if one.model in self._models)


def _deliver(loop: asyncio.AbstractEventLoop, batch: list[_Waiting], rows: list[Row] | Exception) -> None:
    """Tell those who wait in this loop, which runs it."""
    for i, one in enumerate(batch):
        if one.loop is not loop or one.found.done():
            continue
        if isinstance(rows, Exception):
            one.found.set_exception(rows)
        else:
            one.found.set_result(rows[i])
