"""Finished requests that can still be explained and rated: the latest in memory, all that wait in the spool on disk."""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from pathlib import Path

from orchestrator.feedback import Spool, from_json
from orchestrator.gateway.errors import ApiError
from orchestrator.gateway.privacy import Privacy, redacted
from orchestrator.rating import compared, rated
from router_training.contract import DataError, RequestRecord, UsageError

MOST_FOLDERS = 64
CONFIRM_S = 1.0
SEAL_AFTER = 60


def own_spool(parent: Path) -> Spool:
    """Return the spool of this process: the first folder under `parent` that no other process owns.

    Raises:
        UsageError: if none can be used.
    """
    for i in range(MOST_FOLDERS):
        try:
            return Spool(
                parent / str(i), sync_every=1_000_000
            )  # the disk confirms once a second, beside the loop
        except UsageError:
            if i == MOST_FOLDERS - 1:
                raise
    raise AssertionError("the loop above returns or raises")


class Traces:
    """Takes finished requests: what it returned from is in the hands of the operating system, as `privacy` allows."""

    def __init__(self, parent: Path, privacy: Privacy, most: int) -> None:
        self._parent, self._privacy, self._most = parent, privacy, most
        self._latest: OrderedDict[str, RequestRecord] = OrderedDict()
        self._spool = own_spool(parent)
        self.waiting = 0  # requests that the disk has not confirmed

    def __call__(self, record: RequestRecord) -> None:
        """Keep a finished request."""
        kept = redacted(record, self._privacy)
        self._remember(kept)
        self._spool(kept)
        self.waiting += 1

    async def rate(self, trace_id: str, score: float, comment: str, reference: str | None = None) -> None:
        """Keep what a person thinks of an answer, and what should have been answered; it is on disk when this returns.

        Raises:
            ApiError: 404 if the request is not known any more.
            UsageError: if the request had no answer.
        """
        record = await self.find(trace_id)
        if self._privacy == "full":
            await self._replace(rated(record, score, comment, reference))
        else:
            await self._replace(rated(record, score, ""))

    async def compare(self, trace_id: str, reference: str, grader: str) -> float:
        """Grade an answer against what should have been answered, and keep both; they are on disk when this returns.

        Returns:
            The grade in [0, 1].

        Raises:
            ApiError: 404 if the request is not known any more.
            UsageError: if the request had no answer, its text was not kept, or the grader cannot judge it.
        """
        if self._privacy != "full":
            raise UsageError("answers are not kept here (POINTSMAN_LOG), so none can be graded; give a score")
        found = await asyncio.to_thread(compared, await self.find(trace_id), reference, grader)
        await self._replace(found)
        return found.confidence or 0.0

    async def _replace(self, found: RequestRecord) -> None:
        await asyncio.to_thread(self._keep, found)
        self._remember(found)
        self.waiting += 1

    async def find(self, trace_id: str) -> RequestRecord:
        """Return a finished request.

        Raises:
            ApiError: 404 if it is not known any more.
        """
        found = self._latest.get(trace_id) or await asyncio.to_thread(self._on_disk, trace_id)
        if found is None:
            raise ApiError(
                404, f"there is no request {trace_id[:64]!r} here, or not any more", "trace_not_found"
            )
        return found

    async def confirm_always(self) -> None:
        """Have the disk confirm once a second, and close the file once a minute, until cancelled."""
        for second in itertools.count(1):
            await asyncio.sleep(CONFIRM_S)
            await asyncio.to_thread(self._spool.seal if second % SEAL_AFTER == 0 else self._spool.confirm)
            self.waiting = 0

    def close(self) -> None:
        """Confirm everything and give up the folder; what is in it waits to be carried into MLflow."""
        self._spool.close()

    def _keep(self, record: RequestRecord) -> None:
        self._spool(record)
        self._spool.confirm()

    def _remember(self, record: RequestRecord) -> None:
        self._latest[record.trace_id] = record
        self._latest.move_to_end(record.trace_id)
        if len(self._latest) > self._most:
            self._latest.popitem(last=False)

    def _on_disk(self, trace_id: str) -> RequestRecord | None:
        """Look through the spools of all processes, from the latest word about the request."""
        mark = f'"trace_id": "{trace_id}"'.encode()
        for file in sorted(self._parent.glob("*/*.jsonl"), key=_written_s, reverse=True):
            try:
                found = [line for line in file.read_bytes().splitlines() if mark in line]
            except FileNotFoundError:  # closed, or carried away, at this very moment
                continue
            for line in reversed(found):
                try:
                    return from_json(line.decode("utf-8", "replace"))
                except DataError:  # a line that a crash has torn
                    continue
        return None


def _written_s(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0
