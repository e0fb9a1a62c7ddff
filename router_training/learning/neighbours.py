"""The nearest of many unit vectors: compared with every row while rows are few, found by an index where they are many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import Vectors

Positions = NDArray[np.int64]

MOST_EXACT = 8192  # 0.4 ms a search at 396 inputs; the index needs 0.2 ms, and 1 s to build
LINKS = 16
CANDIDATES_BUILT = 128
CANDIDATES_SEARCHED = 200
RECALL_QUERIES = 256
QUERIES_PER_BLOCK = 128  # the index holds Python's lock while it searches: some 30 ms a block


class Neighbours(Protocol):
    """Rows of length 1, shape (r, d), that can be searched."""

    def __len__(self) -> int: ...

    def search(self, X: Vectors, k: int) -> tuple[Vectors, Positions]:
        """Return (cosines, positions), each (n, k), of the k nearest rows to X (n, d); in no order."""
        ...

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all rows, and what finds them."""
        ...


@dataclass(frozen=True, eq=False)
class Compared:
    """Rows that are all compared with every query; kept in half precision, compared in single."""

    rows: Vectors

    def __len__(self) -> int:
        return len(self.rows)

    def search(self, X: Vectors, k: int) -> tuple[Vectors, Positions]:
        """Return (cosines, positions) of the true k nearest."""
        cosine = X @ self.rows.T
        nearest = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
        return np.take_along_axis(cosine, nearest, axis=1), nearest

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the rows."""
        return {"rows": self.rows.astype(np.float16)}


@dataclass(frozen=True, eq=False)
class Indexed:
    """Rows in a graph of near neighbours that a search walks, so that its time grows with the logarithm of their number.

    Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable Small
    World graphs", 2018; built on one thread, so that the same rows give the same graph.
    """

    index: Any

    @classmethod
    def of(cls, rows: Vectors) -> Self:
        """Link rows (r, d) of length 1."""
        from usearch.index import Index  # spares policies without an index its import

        index = Index(
            ndim=rows.shape[1],
            metric="ip",
            dtype="f16",
            connectivity=LINKS,
            expansion_add=CANDIDATES_BUILT,
        )
        index.add(np.arange(len(rows)), rows, threads=1)
        return cls(index)

    def __len__(self) -> int:
        return len(self.index)

    def search(self, X: Vectors, k: int) -> tuple[Vectors, Positions]:
        """Return (cosines, positions) of nearly the k nearest; a place that found no row has cosine -inf."""
        self.index.expansion_search = max(CANDIDATES_SEARCHED, 2 * k)
        cosines = np.full((len(X), k), -np.inf, dtype=np.float32)
        positions = np.zeros((len(X), k), dtype=np.int64)
        for start in range(0, len(X), QUERIES_PER_BLOCK):
            block = np.atleast_2d(X[start : start + QUERIES_PER_BLOCK])
            found = self.index.search(block, k, threads=1)
            keys, distances = np.atleast_2d(found.keys), np.atleast_2d(found.distances)
            counts = np.atleast_1d(np.asarray(getattr(found, "counts", keys.shape[1])))
            there = np.arange(keys.shape[1]) < counts[:, None]
            here = slice(start, start + len(block)), slice(0, keys.shape[1])
            cosines[here] = np.where(there, 1.0 - distances, -np.inf)
            positions[here] = np.where(there, keys, 0)
        return cosines, positions

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the graph, rows included, as the index's own bytes."""
        return {"index": np.frombuffer(bytes(self.index.save()), dtype=np.uint8)}


def keep_rows(rows: Vectors) -> Neighbours:
    """Return what searches rows (r, d) of length 1, to the precision in which they are saved."""
    rounded = rows.astype(np.float16).astype(np.float32)
    return Compared(rounded) if len(rows) <= MOST_EXACT else Indexed.of(rounded)


def neighbours_from_arrays(arrays: Mapping[str, NDArray[np.generic]]) -> Neighbours:
    """Rebuild from `to_arrays`."""
    if "index" not in arrays:
        return Compared(np.asarray(arrays["rows"], dtype=np.float32))
    from usearch.index import Index  # spares policies without an index its import

    return Indexed(Index.restore(np.asarray(arrays["index"], dtype=np.uint8).tobytes()))


def recall(neighbours: Neighbours, rows: Vectors, k: int) -> float:
    """Return the share of the true k nearest that a search finds, mean over RECALL_QUERIES of the rows (r, d)."""
    queries = rows[np.unique(np.linspace(0, len(rows) - 1, RECALL_QUERIES).astype(np.int64))]
    _, true = Compared(rows).search(queries, k)
    _, found = neighbours.search(queries, k)
    shares = [len(np.intersect1d(a, b)) / k for a, b in zip(true, found, strict=True)]
    return float(np.mean(shares))
