"""What becomes of finished requests: sinks for `build_graph(feedback=...)`, and the way into MLflow.

A sink is a callable that takes a `RequestRecord`. Serving uses a `Spool`, which costs one write to an open
file; `collecting` carries the spool into MLflow at another time, where a trace costs milliseconds.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from orchestrator import plain
from router_training.contract import DataError, RequestRecord, UsageError
from router_training.records.traces import is_failed, said_of

OPEN = "open.jsonl"
SEALED = "sealed-*.jsonl"
MOST_BYTES = 1_000_000_000
RESERVED = 0.1  # of the most bytes, for what people said and what failed
RECOUNT_S = 1.0
REFUSED = "refused.txt"
BACKLOG, DISK = "backlog", "disk"


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


class FullError(OSError):
    """Raised when a spool holds as much as it may."""


class Spool:
    """An append-only file of requests on disk, one JSON line each.

    A request is in the hands of the operating system when the call returns, so that no crash of this
    process loses it; every `sync_every` requests, and on `close`, the disk confirms (fsync), so that a
    power cut loses fewer than that. One process at a time owns a folder; what an owner that died left
    behind belongs to the next.

    At most `most_bytes` wait to be carried away. Beyond 90% of that only requests are taken that failed or were rated,
    at 100% none; nothing that was taken is ever dropped. `refused` counts those not taken by reason, backlog or disk.

    Args:
        folder: Where the files lie; made if absent.
        sync_every: Requests between two confirmations by the disk.
        most_bytes: What may wait in the folder; above 0.

    Raises:
        UsageError: Another process owns the folder, it cannot be written, or it may hold nothing.
    """

    def __init__(self, folder: Path, *, sync_every: int = 50, most_bytes: int = MOST_BYTES) -> None:
        if most_bytes <= 0:
            raise UsageError(
                f"a spool of {most_bytes} bytes holds nothing; give more, {MOST_BYTES:,} are usual"
            )
        self.folder = folder
        self.sync_every = sync_every
        self.most_bytes = most_bytes
        self.refused: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._unsynced, self._unnoted = 0, 0
        self._is_given_up = False
        self._owner = _own(folder)
        self._file = (folder / OPEN).open("ab", buffering=0)
        self.seal()
        self._bytes, self._counted_s = waiting_bytes(folder), time.monotonic()

    def __call__(self, record: RequestRecord) -> None:
        """Append a request.

        Raises:
            FullError: So much waits that this request is not taken.
            OSError: The disk did not take the whole line; what it took of it is undone.
        """
        line = to_json(record).encode("utf-8", "replace") + b"\n"
        with self._lock:
            if not self._fits(len(line), is_kept_last(record)):
                self._refuse(BACKLOG)
                raise FullError(
                    f"{self._bytes:,} of at most {self.most_bytes:,} bytes wait in {self.folder} for MLflow; "
                    "run `pointsman collect`"
                )
            try:
                self._append(line)
            except OSError:
                self._refuse(DISK)
                raise
            self._bytes += len(line)

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
            unnoted, self._unnoted = self._unnoted, 0
        try:
            os.fsync(copy)
        finally:
            os.close(copy)
            note_refused(self.folder, unnoted)

    def seal(self) -> list[Path]:
        """Close the file that is being written, begin another, and return all closed ones, oldest first."""
        with self._lock:
            self._open()
            self._sync()
            if self._file.tell():
                name = SEALED.replace("*", f"{time.time_ns():020d}")
                self._file.close()
                (self.folder / OPEN).rename(self.folder / name)
                self._open()
        return sorted(self.folder.glob(SEALED))

    def close(self) -> None:
        """Confirm what was written, and give up the folder."""
        with self._lock:
            try:
                if not self._file.closed:
                    self._sync()
                    self._file.close()
            finally:
                note_refused(self.folder, self._unnoted)
                self._unnoted = 0
                self._is_given_up = True
                self._owner.close()

    def _fits(self, size: int, is_last: bool) -> bool:
        """Tell whether so many bytes more may wait; what was carried away is looked for once a second."""
        most = self.most_bytes if is_last else (1.0 - RESERVED) * self.most_bytes
        if self._bytes + size > most and time.monotonic() - self._counted_s >= RECOUNT_S:
            self._bytes, self._counted_s = waiting_bytes(self.folder), time.monotonic()
        return self._bytes + size <= most

    def _refuse(self, reason: str) -> None:
        self.refused[reason] += 1
        self._unnoted += 1

    def _append(self, line: bytes) -> None:
        self._open()
        end = self._file.tell()
        if self._file.write(line) != len(line):
            self._file.truncate(end)
            self._file.seek(end)  # where the next line begins, should that be cut off too
            raise OSError(f"{self._file.name} took only part of a request; is the disk full?")
        self._unsynced += 1
        if self._unsynced >= self.sync_every:
            self._sync()

    def _open(self) -> None:
        """Open the file that is written, where a full disk kept `seal` from doing so."""
        if self._is_given_up:
            raise OSError(f"{self.folder} was given up, and may be another process's by now")
        if self._file.closed:
            self._file = (self.folder / OPEN).open("ab", buffering=0)

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._unsynced = 0


def is_kept_last(record: RequestRecord) -> bool:
    """Tell whether a request failed or somebody has judged its answer: such rows are rare, and teach most."""
    return record.shadow_of is None and (is_failed(record) or bool(said_of(record)))


def waiting_bytes(folder: Path) -> int:
    """Return how many bytes of a spool wait to be carried away."""
    return sum(_size(file) for file in (folder / OPEN, *folder.glob(SEALED)))


def note_refused(folder: Path, n: int) -> None:
    """Add to what is written down of requests that were not taken, for `pointsman status`; a full disk may forget it."""
    if n:
        with suppress(OSError):
            (folder / REFUSED).write_text(str(refused_in(folder) + n))


def refused_in(folder: Path) -> int:
    """Return how many requests a spool did not take since it was last carried away."""
    try:
        return int((folder / REFUSED).read_text())
    except (OSError, ValueError):
        return 0


def lines_in(file: Path) -> int:
    """Return the number of lines of a file, 0 where it was carried away at this very moment."""
    try:
        with file.open("rb") as lines:
            return sum(1 for _ in lines)
    except FileNotFoundError:
        return 0


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # carried away at this very moment
        return 0


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
