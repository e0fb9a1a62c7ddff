"""Vectors that were computed once are read back from disk: one SQLite file per encoder, keyed by the text's hash."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from router_training.contract import DataError, Vectors

Encode = Callable[[Sequence[str]], Vectors]
Progress = Callable[[str, int, int], None]

ROWS_PER_COMMIT = 256
ROWS_PER_QUERY = 500
_SCHEMA = "CREATE TABLE IF NOT EXISTS vectors (text BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID"


def cache_root(cache_dir: Path | str | None = None) -> Path:
    """Return where computed things are kept: the argument, else POINTSMAN_CACHE, else the platform's cache folder."""
    if cache_dir is not None:
        return Path(cache_dir)
    chosen = os.environ.get("POINTSMAN_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "pointsman"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "pointsman"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pointsman"


class VectorCache:
    """Float32 vectors of one encoder on disk; interrupted work keeps what was finished.

    Args:
        path: the SQLite file, made when it does not exist.
        dim: length of one vector.
    """

    def __init__(self, path: Path, dim: int) -> None:
        self.path = path
        self.dim = dim

    def encode(self, texts: Sequence[str], encode: Encode, progress: Progress | None = None) -> Vectors:
        """Return the vectors of `texts`, shape (n, dim), calling `encode` only for texts never seen before."""
        keys = [_key(text) for text in texts]
        with self._open() as database:
            known = dict(self._read(database, sorted(set(keys))))
            todo = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
            for done, fresh in self._compute(todo, encode):
                with database:
                    database.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", fresh.items())
                known |= fresh
                if progress is not None:
                    progress("encode", done, len(todo))
        joined = b"".join(known[key] for key in keys)
        return np.frombuffer(joined, dtype="<f4").reshape(len(keys), self.dim).astype(np.float32)

    def _compute(self, todo: dict[bytes, str], encode: Encode) -> Iterator[tuple[int, dict[bytes, bytes]]]:
        keys = list(todo)
        for start in range(0, len(keys), ROWS_PER_COMMIT):
            batch = keys[start : start + ROWS_PER_COMMIT]
            vectors = encode([todo[key] for key in batch]).astype("<f4")
            yield start + len(batch), {key: row.tobytes() for key, row in zip(batch, vectors, strict=True)}

    def _read(self, database: sqlite3.Connection, keys: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
        for start in range(0, len(keys), ROWS_PER_QUERY):
            batch = keys[start : start + ROWS_PER_QUERY]
            marks = ",".join("?" * len(batch))
            rows = database.execute(f"SELECT text, vector FROM vectors WHERE text IN ({marks})", batch)
            yield from ((key, vector) for key, vector in rows if len(vector) == 4 * self.dim)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=60.0)) as database:
                database.execute(_SCHEMA)
                yield database
        except (sqlite3.Error, OSError) as error:
            raise DataError(
                f"the vector cache {self.path} cannot be used ({error}); delete that file,"
                " or set POINTSMAN_CACHE to a folder you can write to"
            ) from error


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
