"""Ask models tasks: what the journal does not hold yet, within the budget, at each endpoint's pace."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from router_training.contract import Catalogue, ModelCard, Task
from router_training.labels.budget import LONGEST_ANSWER, Budget, Limits, most_tokens, usd_at_most
from router_training.labels.calls import PAID, UNPAID, Asker, Reply, call_of, messages, send_patiently
from router_training.labels.journal import FAILED, Journal, Row, Writer, opened_writer
from router_training.labels.pace import Endpoint, Pace, endpoint_of, paces

CHUNK = 150  # tasks; all models answer one chunk before the next begins, so a run that is cut leaves a usable table
GIVE_UP = 20  # failures of a model in a row
USED_UP = "the budget is used up"

Cell = tuple[Task, ModelCard]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to ask: `concurrency` calls at once per endpoint, `tries` of a call that is refused for now.

    With `retry_errors` cells that failed are asked again. A call of which nobody knows whether it was paid for, because
    its run was killed, is asked again with the same idempotency key, or left alone with `keep_doubts`. `wanted` picks
    cells by task id and model.
    """

    concurrency: int = 8
    limits: Limits = field(default_factory=Limits)
    retry_errors: bool = False
    keep_doubts: bool = False
    tries: int = 4
    wanted: Callable[[str, str], bool] | None = None


@dataclass
class Tally:
    """How far a run is; `usd` and `calls` include earlier runs into the same folder, `asked` counts this one's cells.

    `stopped` says why the run ended early, None where it did not; `given_up` why models were not asked further.
    """

    total: int = 0
    done: int = 0
    asked: int = 0
    failed: int = 0
    in_doubt: int = 0
    usd: float = 0.0
    calls: int = 0
    stopped: str | None = None
    given_up: dict[str, str] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    started_s: float = field(default_factory=time.monotonic)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self, reason: str) -> None:
        """End the run early: no call begins any more, those under way are waited for and recorded."""
        self.stopped = reason
        self.ended.set()

    @property
    def per_second(self) -> float:
        """Cells asked per second in this run."""
        return self.asked / max(time.monotonic() - self.started_s, 1e-9)

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest will take at this rate; None before the first answer."""
        return (self.total - self.done) / self.per_second if self.asked else None


Told = Callable[[Tally], None]


def prompt_digest(task: Task) -> str:
    """Return what says that a journal's answer belongs to this prompt."""
    return sha256(f"{task.prompt}\0{task.messages or ''}".encode("utf-8", "replace")).hexdigest()[:32]


async def ask(
    tasks: Sequence[Task],
    catalogue: Catalogue,
    path: Path,
    plan: Plan,
    *,
    asker: Asker,
    tally: Tally,
    told: Told | None = None,
) -> None:
    """Ask what the journal does not hold, and append what comes of it; `tally` says how far it is, at any time.

    Raises:
        DataError: if the journal cannot be written, or another run writes it.
    """
    with opened_writer(path) as writer:
        journal = Journal.read(path)
        run = _Run(plan, journal, writer, asker, tally, told)
        gates = paces(catalogue, plan.concurrency)
        open_cells: list[Cell] = []
        for cell in _cells(tasks, catalogue, plan):
            tally.total += 1
            if run.is_open(*cell):
                open_cells.append(cell)
        tally.done = tally.total - len(open_cells)
        run.tell()
        size = CHUNK * max(len(catalogue), 1)
        for start in range(0, len(open_cells), size):
            await run.chunk(open_cells[start : start + size], gates)


def _cells(tasks: Sequence[Task], catalogue: Catalogue, plan: Plan) -> Iterator[Cell]:
    for task in tasks:
        for card in catalogue.values():
            if plan.wanted is None or plan.wanted(task.task_id, card.name):
                yield task, card


class _Run:
    """One run over a journal."""

    def __init__(
        self, plan: Plan, journal: Journal, writer: Writer, asker: Asker, tally: Tally, told: Told | None
    ) -> None:
        self.plan, self.journal, self.writer, self.asker = plan, journal, writer, asker
        self.tally, self._told = tally, told
        self.budget = Budget(plan.limits, journal.usd, journal.calls)
        self._in_a_row: Counter[str] = Counter()
        self._surplus: defaultdict[str, float] = defaultdict(
            float
        )  # what endpoints charge beyond what was reckoned

    def is_open(self, task: Task, card: ModelCard) -> bool:
        """Tell whether this run asks a cell."""
        state = self.journal.state(task.task_id, card.name)
        if state is None:
            return not (self.plan.keep_doubts and (task.task_id, card.name) in self.journal.doubts)
        return state == FAILED and self.plan.retry_errors

    async def chunk(self, cells: Sequence[Cell], gates: dict[Endpoint, Pace]) -> None:
        """Ask these cells, every endpoint beside the others."""
        try:
            async with asyncio.TaskGroup() as workers:
                for endpoint, gate in gates.items():
                    mine = iter([cell for cell in cells if endpoint_of(cell[1]) == endpoint])
                    for _ in range(gate.concurrency):
                        workers.create_task(self._work(mine, gate))
        except ExceptionGroup as group:
            raise group.exceptions[0] from group

    async def _work(self, cells: Iterator[Cell], gate: Pace) -> None:
        for task, card in cells:
            if self.tally.stopped is not None:
                return
            if card.name not in self.tally.given_up:
                await self._one(task, card, gate)

    async def _one(self, task: Task, card: ModelCard, gate: Pace) -> None:
        max_tokens = most_tokens(card, self.plan.limits)
        texts = [str(message["content"]) for message in messages(card, task)]
        most = usd_at_most(card, texts, max_tokens or LONGEST_ANSWER) + self._surplus[card.name]
        if not await self.budget.reserve(most):
            self.tally.stop(USED_UP)
            return
        async with gate.turn(self.tally.ended):
            if self.tally.stopped is not None or card.name in self.tally.given_up:
                self.budget.settle(most, 0.0, paid=False)
                return
            doubt = self.journal.doubts.get((task.task_id, card.name))
            key = uuid.uuid4().hex if doubt is None else doubt.key
            call = call_of(card, task, key, max_tokens)
            cell = {"task_id": task.task_id, "model": card.name}
            await self.writer.append({**cell, "asked": key, "usd_at_most": most, "time": _now()})
            reply = await send_patiently(
                call, asker=self.asker, tries=self.plan.tries, pause=gate.pause, ended=self.tally.ended
            )
        row = {**cell, "key": key, "prompt": prompt_digest(task), **reply.fields, "time": _now()}
        row |= _spent(card, reply, most)
        await self.writer.append(row)
        self.budget.settle(
            most, most if reply.paid not in (PAID, UNPAID) else row["usd"], paid=reply.paid != UNPAID
        )
        self._surplus[card.name] = max(self._surplus[card.name], row["usd"] - most)
        self._count(card, row)

    def _count(self, card: ModelCard, row: Row) -> None:
        self.tally.asked += 1
        self.tally.done += 1
        if "error" not in row:
            self._in_a_row[card.name] = 0
        else:
            self.tally.failed += 1
            self.tally.errors[f"{card.name}: {row['error'][:80]}"] += 1
            self._in_a_row[card.name] += 1
            if self._in_a_row[card.name] == GIVE_UP:
                self.tally.given_up[card.name] = row["error"]
        self.tell()

    def tell(self) -> None:
        """Say how far the run is."""
        self.tally.usd, self.tally.calls = self.budget.usd, self.budget.calls
        if self._told is not None:
            self._told(self.tally)


def _spent(card: ModelCard, reply: Reply, most: float) -> dict[str, Any]:
    """Return `paid` and `usd`: by the tokens that the endpoint counted; at most, where it counted none."""
    if reply.paid != PAID:
        return {"paid": reply.paid, "usd": 0.0 if reply.paid == UNPAID else most}
    read, written = reply.fields["prompt_tokens"], reply.fields["completion_tokens"]
    if read is None or written is None:
        return {"paid": PAID, "usd": most}
    return {"paid": PAID, "usd": card.usd(read, written)}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
