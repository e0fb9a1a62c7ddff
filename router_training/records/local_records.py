"""Addresses of records: where SQLite ones lie on this machine, how processes take turns, what may be shown."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import unquote

SCHEME = "sqlite:///"
MAGIC = b"SQLite format 3\0"
WAIT_S = 300.0


def database_file(uri: str) -> Path | None:
    """Return the absolute path of the SQLite file that `uri` names, None for any other kind of address."""
    if not uri.startswith(SCHEME) or uri == f"{SCHEME}:memory:":
        return None
    return Path(unquote(uri.removeprefix(SCHEME).partition("?")[0])).absolute()


def without_password(text: str) -> str:
    """Return the text with *** for the password of every address in it, as `postgresql://user:word@host/db` has."""
    return re.sub(r"(://[^/\s:@]*):[^/\s]*@", r"\1:***@", text)


def must_be_database(file: Path) -> None:
    """Pass where `file` is absent, empty or a SQLite database.

    Raises:
        OSError: It is something else, or cannot be read.
    """
    if not file.exists():
        return
    with file.open("rb") as stream:
        head = stream.read(len(MAGIC))
    if head and head != MAGIC:
        raise OSError(f"{file} is a file of another kind")


@contextmanager
def taking_turns(database: Path) -> Iterator[None]:
    """Let one process or thread at a time through for this database; the others wait.

    The lock is a transaction on a file beside the database, so that the operating system frees it when
    its holder dies, on every system that SQLite knows.

    Raises:
        sqlite3.OperationalError: The turn did not come within `WAIT_S`, or the folder cannot be written.
    """
    lock = database.with_name(f"{database.name}.lock")
    with closing(sqlite3.connect(lock, timeout=WAIT_S, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
