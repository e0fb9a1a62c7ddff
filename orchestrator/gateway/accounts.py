"""The file in which keys, what they may spend and what they have spent are kept: SQLite, shared by all workers."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from router_training.contract import DataError

VERSION = 1
WAIT_S = 10.0  # for another worker's write, which takes well under a millisecond
TABLES = """
CREATE TABLE IF NOT EXISTS key (
    key_id TEXT PRIMARY KEY, name TEXT NOT NULL, digest BLOB NOT NULL, created TEXT NOT NULL, revoked TEXT,
    operator INTEGER NOT NULL, requests_per_minute INTEGER, usd_per_day REAL, usd_per_month REAL, models TEXT
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS name_in_use ON key (name) WHERE revoked IS NULL;
CREATE TABLE IF NOT EXISTS bucket (key_id TEXT PRIMARY KEY, tokens REAL NOT NULL, at_s REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS spend (
    key_id TEXT NOT NULL, day TEXT NOT NULL, nano_usd INTEGER NOT NULL, requests INTEGER NOT NULL,
    PRIMARY KEY (key_id, day)
) STRICT, WITHOUT ROWID;
"""


class Accounts:
    """One connection to the file. Any thread may use it: `transaction` lets one in at a time.

    The file, made where absent, is readable by its owner alone. What a transaction wrote survives the death of
    this process; a power cut may lose the last moments before it.

    Raises:
        DataError: the file cannot be opened, or was written by another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            found = self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise DataError(
                f"the key file {path} cannot be used ({error}); name one that this user may write"
            ) from error
        if found != VERSION:
            self._db.close()
            raise DataError(f"{path} has version {found}, this program reads {VERSION}; name another file")

    def _prepare(self) -> int:
        with self.transaction() as db:
            (found,) = db.execute("PRAGMA user_version").fetchone()
            if found == 0:
                for statement in filter(str.strip, TABLES.split(";")):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {VERSION}")
            return int(found) or VERSION

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection inside a write transaction, which no other thread or process shares."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        with self._lock:
            return self._db.execute(query, values).fetchall()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()
