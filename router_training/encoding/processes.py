"""Vectors made by several processes of this machine: the same vectors as one process makes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache, partial
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path

from router_training.apart import end_with_parent
from router_training.contract import DataError, Vectors
from router_training.embedding import Encoder
from router_training.encoding.vector_cache import Found, Spread, Texts, by_key, in_turn

PAYS_FROM = 16  # batches; for fewer, starting processes takes longer than encoding here
_AHEAD = 2  # batches that wait for each process


def over_processes(encoder: Encoder, workers: int) -> Spread:
    """Return what makes vectors in so many processes, each with one thread; few texts, or one worker, stay here."""
    here = in_turn(partial(encoder.encode, threads=workers))

    def spread(batches: Iterator[Texts]) -> Iterator[Found]:
        first = list(islice(batches, PAYS_FROM))
        every = chain(first, batches)
        return (
            here(every) if workers == 1 or len(first) < PAYS_FROM else _pooled(every, encoder.folder, workers)
        )

    return spread


def _pooled(batches: Iterator[Texts], folder: Path, workers: int) -> Iterator[Found]:
    waiting: deque[tuple[Texts, Future[Vectors]]] = deque()
    try:
        with ProcessPoolExecutor(workers, get_context("spawn"), end_with_parent) as pool:
            for batch in batches:
                waiting.append((batch, pool.submit(_encoded, folder, list(batch.values()))))
                if len(waiting) > _AHEAD * workers:
                    yield _next(waiting)
            while waiting:
                yield _next(waiting)
    except BrokenProcessPool as error:
        raise DataError(
            f"one of {workers} processes was killed, perhaps for its memory; what was done is kept: run the command "
            "again, with fewer --workers"
        ) from error


def _next(waiting: deque[tuple[Texts, Future[Vectors]]]) -> Found:
    batch, future = waiting.popleft()
    return by_key(batch, future.result())


def _encoded(folder: Path, texts: list[str]) -> Vectors:
    return _loaded(folder).encode(texts, threads=1)


@cache
def _loaded(folder: Path) -> Encoder:
    """Return the encoder of this process."""
    return Encoder.load(folder)
