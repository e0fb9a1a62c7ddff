"""The journal of a labelling run: what was asked is on disk before a call is sent, what came of it before it counts.

One JSON object per line, only ever appended. A line with `asked` is an intent: the call's idempotency key and its price at
most. A line with `response` or `error` is what became of it; `paid` says whether money was spent: yes, no or unknown.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from router_training.contract import DataError

Row = dict[str, Any]
ANSWERED, FAILED = 1, 0


@dataclass(frozen=True, slots=True)
class Doubt:
    """A call that was sent, or about to be, when its run ended: whether it was paid for is unknown."""

    task_id: str
    model: str
    key: str
    usd_at_most: float


@dataclass
class Journal:
    """What a journal holds: for each cell where its row stands, an answer before a failure, a later before an earlier.

    `usd` is what was spent, calls of which nobody knows counted at most; `calls` are those that were paid for, or may
    have been. `doubts` are by cell.
    """

    path: Path
    usd: float = 0.0
    calls: int = 0
    doubts: dict[tuple[str, str], Doubt] = field(default_factory=dict)
    _keys: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))
    _offsets: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    _states: NDArray[np.int8] = field(default_factory=lambda: np.zeros(0, np.int8))

    @classmethod
    def read(cls, path: Path) -> Journal:
        """Read a journal line by line; memory holds 17 bytes per cell, not the answers. A torn line is skipped."""
        journal = cls(path)
        keys, offsets, states = array("Q"), array("q"), array("b")
        for offset, row in _rows(path):
            cell = (row["task_id"], row["model"])
            if "asked" in row:
                journal._begin(cell, row)
                continue
            journal._end(cell, row)
            keys.append(_code(*cell))
            offsets.append(offset)
            states.append(ANSWERED if row.get("response") is not None else FAILED)
        journal._sort(keys, offsets, states)
        return journal

    def state(self, task_id: str, model: str) -> int | None:
        """Return ANSWERED or FAILED, None for a cell of which nothing is known but, perhaps, a doubt."""
        at = self._find(task_id, model)
        return None if at is None else int(self._states[at])

    def rows(self, cells: Iterator[tuple[str, str]]) -> Iterator[Row | None]:
        """Yield the row of each cell, None where there is none; memory holds one at a time."""
        with _opened(self.path) as file:
            for cell in cells:
                at = self._find(*cell)
                if at is None or file is None:
                    yield None
                    continue
                file.seek(int(self._offsets[at]))
                yield json.loads(file.readline())

    def _begin(self, cell: tuple[str, str], row: Row) -> None:
        self.usd += row["usd_at_most"]  # again where a doubt is asked again: it may be paid for twice
        self.calls += 1
        self.doubts[cell] = Doubt(*cell, row["asked"], row["usd_at_most"])

    def _end(self, cell: tuple[str, str], row: Row) -> None:
        doubt = self.doubts.get(cell)
        if doubt is None or doubt.key != row.get("key"):
            return
        if row.get("paid") == "unknown":
            return
        del self.doubts[cell]
        self.usd += (
            (row.get("usd") or 0.0) - doubt.usd_at_most if row["paid"] == "yes" else -doubt.usd_at_most
        )
        self.calls -= row["paid"] == "no"

    def _sort(self, keys: array[int], offsets: array[int], states: array[int]) -> None:
        code, at, state = (np.frombuffer(column, dtype) for column, dtype in _columns(keys, offsets, states))
        order = np.lexsort((at, state, code))
        last = np.r_[code[order][1:] != code[order][:-1], True] if len(order) else np.zeros(0, bool)
        kept = order[last]
        self._keys, self._offsets, self._states = code[kept], at[kept], state[kept]

    def _find(self, task_id: str, model: str) -> int | None:
        code = np.uint64(_code(task_id, model))
        at = int(np.searchsorted(self._keys, code))
        return at if at < len(self._keys) and self._keys[at] == code else None


def _columns(keys: array[int], offsets: array[int], states: array[int]) -> list[tuple[array[int], Any]]:
    return [(keys, np.uint64), (offsets, np.int64), (states, np.int8)]


def _code(task_id: str, model: str) -> int:
    """Return 64 bits of a digest: among five million cells two share one with a probability below 1e-6."""
    raw = json.dumps([task_id, model]).encode()
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8).digest(), "big")


def _rows(path: Path) -> Iterator[tuple[int, Row]]:
    with _opened(path) as file:
        offset = 0
        for line in file or ():
            try:
                row = json.loads(line)
                if isinstance(row["task_id"], str) and isinstance(row["model"], str):
                    yield offset, row
            except (ValueError, KeyError, TypeError, RecursionError):  # a line that a cut run left unfinished
                pass
            offset += len(line)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO | None]:
    if not path.exists():
        yield None
        return
    with path.open("rb") as file:
        yield file


class Writer:
    """Appends rows; `append` returns once its row is on disk. Rows that arrive together share one fsync."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file, self._path = file, path
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._flush: asyncio.Task[None] | None = None

    async def append(self, row: Row) -> None:
        """Write a row.

        Raises:
            DataError: if the disk does not take it.
        """
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(
            (json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n", written)
        )
        if self._flush is None or self._flush.done():
            self._flush = asyncio.create_task(self._flush_all())
        await asyncio.shield(written)

    async def _flush_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            error: DataError | None = None
            try:
                await asyncio.to_thread(self._write, b"".join(line for line, _ in batch))
            except OSError as reason:
                error = DataError(
                    f"{self._path} cannot be written ({reason.strerror}); make room or name another folder: what "
                    "is in the journal is kept"
                )
            for _, written in batch:
                if not written.done():
                    written.set_result(None) if error is None else written.set_exception(error)

    def _write(self, lines: bytes) -> None:
        self._file.write(lines)
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def opened_writer(path: Path) -> Iterator[Writer]:
    """Open a journal for this run alone; a line that a cut run left open is closed first.

    Raises:
        DataError: if another run writes to it, or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab+")
    except OSError as error:
        raise DataError(f"{path} cannot be opened ({error.strerror}); name another folder") from error
    with file:
        _lock(file, path)
        if file.tell() and _last_byte(file) != b"\n":
            file.write(b"\n")
        yield Writer(file, path)


def _last_byte(file: BinaryIO) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)


def _lock(file: BinaryIO, path: Path) -> None:
    try:
        import fcntl  # not on Windows, where two runs into one folder are not kept apart
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise DataError(
            f"{path} is being written by another run; wait for it, or name another folder"
        ) from error
