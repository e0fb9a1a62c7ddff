"""Finished requests that can still be explained and rated: the latest in memory, all that wait in the spool on disk."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from weakref import WeakValueDictionary

from orchestrator.feedback import MOST_BYTES, Spool, from_json, waiting_bytes
from orchestrator.gateway.errors import ApiError
from orchestrator.gateway.privacy import Privacy, redacted
from orchestrator.rating import compared, rated
from router_training.contract import DataError, RequestRecord, UsageError

logger = logging.getLogger(__name__)

MOST_FOLDERS = 64
CONFIRM_S = 1.0
SEAL_AFTER = 60


def own_spool(parent: Path, most_bytes: int = MOST_BYTES) -> Spool:
    """Return the spool of this process: the first folder under `parent` that no other process owns.

    Raises:
        UsageError: if none can be used.
    """
    for i in range(MOST_FOLDERS):
        try:
            return Spool(
                parent / str(i), sync_every=1_000_000, most_bytes=most_bytes
            )  # the disk confirms once a second, beside the loop
        except UsageError:
            if i == MOST_FOLDERS - 1:
                raise
    raise AssertionError("the loop above returns or raises")


class Traces:
    """Takes finished requests: what it returned from is in the hands of the operating system, as `privacy` allows."""

    def __init__(self, parent: Path, privacy: Privacy, most: int, most_bytes: int = MOST_BYTES) -> None:
        self._parent, self._privacy, self._most = parent, privacy, most
        self._latest: OrderedDict[str, RequestRecord] = OrderedDict()
        self.on_judged: Callable[[RequestRecord], object] = bool  # is told of answers judged later
        self._spool, self._said = own_spool(parent, most_bytes), ""
        self.waiting = 0  # requests that the disk has not confirmed
        # of two words on one answer, the second builds on the first
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def __call__(self, record: RequestRecord) -> None:
        """Keep a finished request."""
        kept = redacted(record, self._privacy)
        if kept.shadow_of is None:  # nobody knows of the others, to ask for them
            self._remember(kept)
        try:
            self._spool(kept)
        except OSError as error:
            self._say(f"feedback is not kept, answers are not affected: {error}")
        else:
            self.waiting += 1
            self._say("")

    def _say(self, problem: str) -> None:
        """Log what is wrong, once for as long as it lasts, and that it is over."""
        if bool(problem) != bool(self._said):
            refused = sum(self._spool.refused.values())
            logger.warning("%s", problem or f"feedback is kept again; {refused:,} requests were not")
        self._said = problem

    @property
    def refused(self) -> Mapping[str, float]:
        """How many requests were not kept, by reason."""
        return self._spool.refused.copy()

    @property
    def backlog(self) -> Mapping[str, float]:
        """The bytes that wait for MLflow in this process's spool, and the most that may."""
        return {"waiting": waiting_bytes(self._spool.folder), "most": self._spool.most_bytes}

    async def rate(self, trace_id: str, score: float, comment: str, reference: str | None = None) -> None:
        """Keep what a person thinks of an answer, and what should have been answered; it is on disk when this returns.

        Raises:
            ApiError: 404 if the request is not known any more.
            UsageError: if the request had no answer.
        """
        async with self._turns.setdefault(trace_id, asyncio.Lock()):
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
        async with self._turns.setdefault(trace_id, asyncio.Lock()):
            found = await asyncio.to_thread(compared, await self.find(trace_id), reference, grader)
            await self._replace(found)
        return found.confidence or 0.0

    async def _replace(self, found: RequestRecord) -> None:
        try:
            await asyncio.to_thread(self._keep, found)
        except OSError as error:
            again = {"Retry-After": "60"}
            message = (
                f"this cannot be kept now ({error.strerror or 'the backlog is full'}); send it again later"
            )
            raise ApiError(503, message, "feedback_not_kept", headers=again) from error
        self._remember(found)
        self.waiting += 1
        self.on_judged(found)

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
            try:
                await asyncio.to_thread(self._spool.seal if second % SEAL_AFTER == 0 else self._spool.confirm)
            except OSError as error:  # a full disk: the next second tries again
                self._say(f"the disk does not confirm feedback: {error}")
            else:
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
                with file.open("rb") as lines:
                    found = [line for line in lines if mark in line]
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
