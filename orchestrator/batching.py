"""Forecasts of requests that arrive together, made together, in one worker thread beside the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor

from router_training.contract import Forecast, Forecaster, Forecasts, Task

MOST_AT_ONCE = 8
"""So few that the event loop is busy with one batch while the worker is busy with the next."""
Row = tuple[Forecast, ...]


class Batcher:
    """Forecasts one task at a time for whoever calls it, and all that wait at once for whoever awaits `later`.

    Nobody waits for a batch to fill: the worker takes what has arrived while it was busy, at most MOST_AT_ONCE.
    """

    def __init__(self, policy: Forecaster, models: Collection[str]) -> None:
        self._policy, self._models = policy, models
        self._lock = threading.Lock()
        self._waiting: list[tuple[str, Future[Row]]] = []
        self._worker = ThreadPoolExecutor(1, "forecast")

    def __call__(self, task: Task) -> Row:
        """Return the forecasts of one task, made in the calling thread."""
        return self._row(self._policy.forecast([task.prompt]), 0)

    async def later(self, task: Task) -> Row:
        """Return what a call returns, made in the worker together with what else is waiting."""
        found: Future[Row] = Future()
        with self._lock:
            self._waiting.append((task.prompt, found))
        asyncio.get_running_loop().run_in_executor(self._worker, self._work)
        return await asyncio.wrap_future(found)

    def _work(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
        batch = [(prompt, found) for prompt, found in batch if found.set_running_or_notify_cancel()]
        if not batch:  # an earlier turn of the worker took them along
            return
        try:
            forecasts = self._policy.forecast([prompt for prompt, _ in batch])
        except Exception as error:  # noqa: BLE001  # a worker hands over whatever was raised
            for _, found in batch:
                found.set_exception(error)
            return
        for i, (_, found) in enumerate(batch):
            found.set_result(self._row(forecasts, i))

    def _row(self, forecasts: Forecasts, i: int) -> Row:
        return tuple(one for one in forecasts.row(i) if one.model in self._models)
