"""From the spools of gateways into MLflow: in batches, again and again, through whatever happens to MLflow meanwhile."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from orchestrator.feedback import OPEN, REFUSED, SEALED, Spool, from_json, lines_in
from router_training.contract import DataError, RequestRecord, UsageError
from router_training.records.local_records import without_password

if TYPE_CHECKING:
    from router_training.tracking import Store

logger = logging.getLogger(__name__)

UNREADABLE = "unreadable.jsonl"
REQUESTS_PER_RUN = 500
BUSY = 1000
TRACES_WHEN_BUSY = 25  # of REQUESTS_PER_RUN; a trace costs MLflow some 40 ms
LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Round:
    """One look at the spools: how many requests were carried, what went wrong, and how long to wait for the next."""

    carried: int
    problem: str | None
    pause_s: float


def rounds(
    parent: Path,
    opened: Callable[[], Store],
    failures: tuple[type[Exception], ...],
    every_s: float,
) -> Iterator[Round]:
    """Carry again and again, for as long as somebody asks for the next round; no failure ends it.

    After a failure the pause doubles from `every_s` up to LONGEST_PAUSE_S, or `every_s` where that is more. What was not
    carried stays where it is, and what was carried in part comes once all the same (see `Store.log_requests`).

    Args:
        parent: holds a spool per gateway process.
        opened: opens the records, once, and again after every failure.
        failures: what opening and writing raise while MLflow is away.
        every_s: seconds between two rounds.
    """
    store, failed = None, 0
    while True:
        try:
            store = opened() if store is None else store
            yield Round(carry(parent, store), None, every_s)
            failed = 0
        except failures as error:
            pause_s = max(every_s, min(LONGEST_PAUSE_S, every_s * 2.0 ** min(failed, 30)))
            store, failed = None, failed + 1
            yield Round(0, _said(error), pause_s)


def carry_once(parent: Path, opened: Callable[[], Store], failures: tuple[type[Exception], ...]) -> str:
    """Carry what waits in all spools and return a sentence about it.

    Raises:
        UsageError: the records cannot be opened.
        DataError: MLflow did not take all of it; what it did not take waits where it was.
    """
    store = opened()
    try:
        return f"{carry(parent, store)} requests are in {store.place}{_still_written(parent)}."
    except failures as error:
        raise DataError(
            f"{store.place} did not take all requests ({_said(error)}); the others wait in {parent}: run "
            "`pointsman collect` again"
        ) from error


def _still_written(parent: Path) -> str:
    """Return in words how many requests wait in files that gateways have not closed; empty where none does."""
    waiting = sum(lines_in(folder / OPEN) for folder in parent.glob("*/"))
    return (
        f"; {waiting:,} wait in files that a gateway still writes and closes every minute" if waiting else ""
    )


def carry(parent: Path, store: Store) -> int:
    """Carry what waits in all spools, also those of running gateways; return the number of requests carried."""
    carried = 0
    for folder in sorted(parent.glob("*/")):
        try:
            with Spool(folder) as owned:
                carried += drain(owned, store)
        except UsageError:  # a running gateway owns it
            carried += drain_sealed(folder, store)
    return carried


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
        trace_limit = TRACES_WHEN_BUSY if sum(map(lines_in, waiting)) > BUSY else REQUESTS_PER_RUN
    for sealed in waiting:
        carried += _carried(sealed, store, trace_limit)
    if waiting:
        (folder / REFUSED).unlink(missing_ok=True)
    return carried


def _said(error: Exception) -> str:
    """Return the first line of an error; MLflow's repeat the address, password and all."""
    return without_password(str(error).partition("\n")[0]) or type(error).__name__


def _carried(sealed: Path, store: Store, trace_limit: int) -> int:
    """Carry one file and remove it; what another process has removed meanwhile is in MLflow."""
    torn: list[bytes] = []
    carried = 0
    try:
        lines = sealed.open("rb")
    except FileNotFoundError:
        return 0
    with lines:
        read = _requests(lines, sealed, torn)
        while records := list(itertools.islice(read, REQUESTS_PER_RUN)):
            store.log_requests(records, trace_limit=trace_limit)
            carried += len(records)
    if torn:
        with (sealed.parent / UNREADABLE).open("ab") as aside:
            aside.writelines(torn)
    sealed.unlink(missing_ok=True)
    return carried


def _requests(lines: BinaryIO, sealed: Path, torn: list[bytes]) -> Iterator[RequestRecord]:
    """Yield the requests of a file; lines that are none, such as one torn by a crash, are put into `torn`."""
    for line in lines:  # bytes: text would also break lines at characters that JSON leaves bare
        try:
            yield from_json(line.decode("utf-8", "replace"))
        except DataError as error:
            logger.warning("%s: %s; kept in %s", sealed, error, UNREADABLE)
            torn.append(line.rstrip(b"\n") + b"\n")
