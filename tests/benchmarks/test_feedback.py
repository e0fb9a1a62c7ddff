"""What feedback adds to a request at 300 a second, and how fast its backlog drains into MLflow: `make bench`."""

import asyncio
import time
from dataclasses import dataclass, field
from statistics import median, quantiles

import pytest

from orchestrator.collecting import BUSY, REQUESTS_PER_RUN, TRACES_WHEN_BUSY, carry
from orchestrator.feedback import lines_in, waiting_bytes
from orchestrator.gateway.traces import Traces
from orchestrator.graph import build_graph
from orchestrator.models import Reply, ScriptedModel
from orchestrator.nodes.walk import Walk
from router_training.tracking import open_store

pytestmark = pytest.mark.benchmark
PER_SECOND, BLOCKS, BLOCK_S = 300, 20, 1.0
PROMPT = "A train leaves at noon and travels 120 km at 80 km/h. When does it arrive? " * 4
MODELS = {name: ScriptedModel(label=name, script=Reply("At 13:30. " * 20, 90, 60)) for name in "abc"}


@dataclass
class Taken:
    """Seconds of requests at 300 a second: from the moment they were due, in the sink alone, and of processor time."""

    due: list = field(default_factory=list)
    sink: list = field(default_factory=list)
    cpu: list = field(default_factory=list)


async def block(graph, taken):
    """Send requests at fixed moments, whether or not those before are answered; times count from those moments."""
    cpu, start = time.process_time(), time.perf_counter() + 0.01

    async def one(at):
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        await graph.ainvoke({"messages": [("user", PROMPT)]})
        taken.due.append(time.perf_counter() - at)

    n = int(PER_SECOND * BLOCK_S)
    await asyncio.gather(*(one(start + i / PER_SECOND) for i in range(n)))
    taken.cpu.append((time.process_time() - cpu) / n)


def timed(sink, taken):
    """The sink, whose every call is timed."""

    def told(record):
        start = time.perf_counter()
        sink(record)
        taken.sink.append(time.perf_counter() - start)

    return told


def test_feedback_at_300_requests_a_second(tmp_path):
    traces, off, on = Traces(tmp_path / "spool", "full", 2000), Taken(), Taken()
    without = Walk(build_graph(models=MODELS, strategy="cost_based"))
    with_it = Walk(build_graph(models=MODELS, strategy="cost_based", feedback=timed(traces, on)))

    async def run():
        await block(without, Taken())
        confirming = asyncio.create_task(traces.confirm_always())
        for _ in range(BLOCKS):
            await block(without, off)
            await block(with_it, on)
        confirming.cancel()

    asyncio.run(run())
    print(f"\n{PER_SECOND} requests/s, open loop, {BLOCKS * BLOCK_S:g} s with feedback and without, in turns")
    kept_up = median(off.due) < 0.1
    for name, found, times in (
        ("a request, from when it was due", off.due, on.due),
        ("processor time of a request", off.cpu, on.cpu),
    ):
        low, high = median(found) * 1e3, median(times) * 1e3
        print(f"{name}: p50 {low:.3f} ms without, {high:.3f} ms with feedback, added {high - low:+.3f} ms")
    if not kept_up:
        print("this machine did not keep up without feedback either: the first line shows its queue")
    print(
        f"in the sink alone: p50 {median(on.sink) * 1e3:.3f} ms, p99 {quantiles(on.sink, n=100)[-1] * 1e3:.3f} ms"
    )
    traces.close()
    waiting = sum(map(lines_in, (tmp_path / "spool").glob("*/*.jsonl")))
    print(f"backlog at the end: {waiting:,} requests, {waiting_bytes(tmp_path / 'spool' / '0') / 1e6:.1f} MB")
    assert waiting == BLOCKS * BLOCK_S * PER_SECOND and not traces.refused

    store = open_store()
    start, cpu = time.perf_counter(), time.process_time()
    assert carry(tmp_path / "spool", store) == waiting
    wall_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    print(
        f"drained into SQLite: {waiting / wall_s:,.0f} requests/s ({waiting / cpu_s:,.0f} per CPU second); where more than "
        f"{BUSY:,} wait, {TRACES_WHEN_BUSY} of {REQUESTS_PER_RUN} have a full trace, and all that escalated, failed or were rated"
    )
    assert len(store.feedback_outcomes()) == waiting
