"""What becomes of finished requests: sinks for `build_graph(feedback=...)`, and the way into MLflow.

A sink is a callable that takes a `RequestRecord`. Serving uses a `Spool`, which costs one write to an open
file; `drain` carries the spool into MLflow at another time, where a trace costs milliseconds.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from orchestrator import plain
from router_training.contract import DataError, RequestRecord, UsageError

if TYPE_CHECKING:
    from router_training.tracking import Store

logger = logging.getLogger(__name__)

OPEN = "open.jsonl"
SEALED = "sealed-*.jsonl"
UNREADABLE = "unreadable.jsonl"
REQUESTS_PER_RUN = 500
BUSY = 1000
TRACES_WHEN_BUSY = 25  # of REQUESTS_PER_RUN; a trace costs MLflow some 40 ms


def to_json(record: RequestRecord) -> str:
    """Return a request as one line of JSON."""
    return json.dumps(record, default=plain.fields_of, ensure_ascii=False)


def from_json(text: str) -> RequestRecord:
    """Return the request that `to_json` wrote.

    Raises:
        DataError: The text is no such line.
    """
    try:
        return plain.request(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{text[:60]!r} is not a request written by this version ({error}); remove the line"
        ) from error


@dataclass
class MemorySink:
    """Keeps requests in a list: for tests, notebooks and the demo."""

    records: list[RequestRecord] = field(default_factory=list)

    def __call__(self, record: RequestRecord) -> None:
        self.records.append(record)


class Spool:
    """An append-only file of requests on disk, one JSON line each.

    A request is in the hands of the operating system when the call returns, so that no crash of this
    process loses it; every `sync_every` requests, and on `close`, the disk confirms (fsync), so that a
    power cut loses fewer than that. One process at a time owns a folder; what an owner that died left
    behind belongs to the next.

    Args:
        folder: Where the files lie; made if absent.
        sync_every: Requests between two confirmations by the disk.

    Raises:
        UsageError: Another process owns the folder, or it cannot be written.
    """

    def __init__(self, folder: Path, *, sync_every: int = 50) -> None:
        self.folder = folder
        self.sync_every = sync_every
        self._lock = threading.Lock()
        self._unsynced = 0
        self._owner = _own(folder)
        self._file = (folder / OPEN).open("ab", buffering=0)
        self.seal()

    def __call__(self, record: RequestRecord) -> None:
        """Append a request.

        Raises:
            OSError: The disk did not take the whole line; what it took of it is undone.
        """
        line = to_json(record).encode("utf-8", "replace") + b"\n"
        with self._lock:
            end = self._file.tell()
            if self._file.write(line) != len(line):
                self._file.truncate(end)
                raise OSError(f"{self._file.name} took only part of a request; is the disk full?")
            self._unsynced += 1
            if self._unsynced >= self.sync_every:
                self._sync()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def confirm(self) -> None:
        """Have the disk confirm what was written; meanwhile others go on writing."""
        with self._lock:
            if self._file.closed:
                return
            copy = os.dup(self._file.fileno())
            self._unsynced = 0
        try:
            os.fsync(copy)
        finally:
            os.close(copy)

    def seal(self) -> list[Path]:
        """Close the file that is being written, begin another, and return all closed ones, oldest first."""
        with self._lock:
            self._sync()
            if self._file.tell():
                name = SEALED.replace("*", f"{time.time_ns():020d}")
                self._file.close()
                (self.folder / OPEN).rename(self.folder / name)
                self._file = (self.folder / OPEN).open("ab", buffering=0)
        return sorted(self.folder.glob(SEALED))

    def close(self) -> None:
        """Confirm what was written, and give up the folder."""
        with self._lock:
            if not self._file.closed:
                self._sync()
                self._file.close()
                self._owner.close()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._unsynced = 0


def drain(spool: Spool, store: Store, *, trace_limit: int | None = None) -> int:
    """Carry everything spooled so far into MLflow and return the number of requests carried."""
    spool.seal()
    return drain_sealed(spool.folder, store, trace_limit=trace_limit)


def drain_sealed(folder: Path, store: Store, *, trace_limit: int | None = None) -> int:
    """Carry the closed files of a spool into MLflow, whoever owns it; return the number of requests carried.

    Every request becomes rows; full traces are written of at most `trace_limit` in 500. By default that is of all, and
    where more than BUSY requests wait, of 25 and of all that escalated, failed or were rated.
    A file is removed only after MLflow has taken all of it, and lines that are no requests are put aside. A crash in between carries it twice, and MLflow
    still shows and returns each request once (see `Store.log_requests`).
    """
    carried, waiting = 0, sorted(folder.glob(SEALED))
    if trace_limit is None:
        trace_limit = TRACES_WHEN_BUSY if sum(map(_lines, waiting)) > BUSY else REQUESTS_PER_RUN
    for sealed in waiting:
        records, torn = _read(sealed)
        for start in range(0, len(records), REQUESTS_PER_RUN):
            store.log_requests(records[start : start + REQUESTS_PER_RUN], trace_limit=trace_limit)
        if torn:
            with (sealed.parent / UNREADABLE).open("ab") as aside:
                aside.writelines(torn)
        sealed.unlink(missing_ok=True)
        carried += len(records)
    return carried


def _lines(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(1 for _ in lines)


def _read(sealed: Path) -> tuple[list[RequestRecord], list[bytes]]:
    """Return the requests of a file, and the lines that are none, such as one torn by a crash."""
    records: list[RequestRecord] = []
    torn: list[bytes] = []
    with sealed.open("rb") as lines:  # bytes: text would also break lines at characters that JSON leaves bare
        for line in lines:
            try:
                records.append(from_json(line.decode("utf-8", "replace")))
            except DataError as error:
                logger.warning("%s: %s; kept in %s", sealed, error, UNREADABLE)
                torn.append(line.rstrip(b"\n") + b"\n")
    return records, torn


def _own(folder: Path) -> sqlite3.Connection:
    """Take the folder for this process; the operating system gives it back should the process die."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        owner = sqlite3.connect(
            folder / "owner.lock", timeout=0, isolation_level=None, check_same_thread=False
        )
        owner.execute("BEGIN EXCLUSIVE")
    except (OSError, sqlite3.Error) as error:
        raise UsageError(
            f"the spool {folder} cannot be used ({error}); give each process a folder of its own that it may write"
        ) from error
    return owner
