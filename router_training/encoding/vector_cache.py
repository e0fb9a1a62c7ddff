"""Vectors that were computed once are read back from disk: one SQLite file per encoder, keyed by the text's hash."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from router_training.contract import DataError, Vectors

Encode = Callable[[Sequence[str]], Vectors]
Texts = dict[bytes, str]
Found = dict[bytes, bytes]
Spread = Callable[[Iterator[Texts]], Iterator[Found]]
"""Batches of texts by key to batches of vectors (float32, little-endian) by key, in any order and of any size."""
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
        self.fill(texts, in_turn(encode), progress)
        row_of: dict[bytes, int] = {}
        rows = [row_of.setdefault(_key(text), len(row_of)) for text in texts]
        vectors = np.full((len(row_of), self.dim), np.nan, dtype=np.float32)
        with self._open() as database:
            for key, vector in self._read(database, list(row_of), "text, vector"):
                vectors[row_of[key]] = np.frombuffer(vector, dtype="<f4")
        return vectors if len(row_of) == len(rows) else vectors[rows]

    def fill(self, texts: Sequence[str], spread: Spread, progress: Progress | None = None) -> int:
        """Write the vectors of texts never seen before, as they come from `spread`, and return how many those are."""
        keyed = {_key(text): text for text in texts}
        with self._open() as database:
            for (known,) in self._read(database, list(keyed), "text"):
                del keyed[known]
            keys, done = list(keyed), 0
            starts = range(0, len(keys), ROWS_PER_COMMIT)
            batches = ({key: keyed[key] for key in keys[i : i + ROWS_PER_COMMIT]} for i in starts)
            for fresh in spread(batches):
                with database:
                    database.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", fresh.items())
                done += len(fresh)
                if progress is not None:
                    progress("encode", done, len(keys))
        return len(keys)

    def _read(
        self, database: sqlite3.Connection, keys: list[bytes], columns: str
    ) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(keys), ROWS_PER_QUERY):
            batch = keys[start : start + ROWS_PER_QUERY]
            marks = ",".join("?" * len(batch))
            query = f"SELECT {columns} FROM vectors WHERE text IN ({marks}) AND length(vector) = ?"
            yield from database.execute(query, [*batch, 4 * self.dim])

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


def in_turn(encode: Encode) -> Spread:
    """Return what makes vectors in this process, one batch after the other."""

    def spread(batches: Iterator[Texts]) -> Iterator[Found]:
        return (by_key(batch, encode(list(batch.values()))) for batch in batches)

    return spread


def by_key(keys: Iterable[bytes], vectors: Vectors) -> Found:
    """Return the rows of `vectors` as they are stored, by key."""
    return {key: row.tobytes() for key, row in zip(keys, vectors.astype("<f4"), strict=True)}


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
