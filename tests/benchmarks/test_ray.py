"""What Ray costs on one machine, beside the processes and threads that are used without it."""

import os
import time
from contextlib import contextmanager

import pytest

from router_training import labelling
from router_training.contract import ModelCard, Task
from router_training.encoding.processes import over_processes
from router_training.encoding.ray_vectors import over_ray
from router_training.labels.asking import Plan
from router_training.labels.calls import send
from router_training.labels.ray_engine import ray_asker
from router_training.ray_cluster import ray_cluster
from tests.counting_server import counting_server

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.filterwarnings("ignore"),  # ray's own, about its processes and sockets
]
N_PROMPTS, N_CALLS = 10_000, 500


@contextmanager
def started():
    """Yield the seconds that it took to start Ray; it runs while the block does."""
    pytest.importorskip("ray")
    start = time.monotonic()
    with ray_cluster():
        yield time.monotonic() - start


def seconds(work):
    start = time.monotonic()
    work()
    return time.monotonic() - start


def test_embedding_with_ray_beside_processes_and_threads(minilm, tmp_path):
    prompts = [
        f"Question {n}: {n} apples cost {n % 97} coins each. What do they cost?" for n in range(N_PROMPTS)
    ]
    workers = os.cpu_count() or 1

    def fill(place, spread):
        assert minilm.cache(tmp_path / place).fill(prompts, spread) == N_PROMPTS

    threads = seconds(lambda: minilm.encode_cached(prompts, tmp_path / "threads"))
    pool = seconds(lambda: fill("processes", over_processes(minilm, workers)))
    with started() as start:
        ray = seconds(lambda: fill("ray", over_ray(minilm, workers)))
    print(
        f"\nOn {workers} processors, {N_PROMPTS:,} prompts were embedded by threads of one process in {threads:.0f} s; "
        f"processes took {pool / threads:.1f} times as long, Ray {ray / threads:.1f} times, after {start:.0f} s to start."
    )


def test_calls_with_ray_beside_one_process(tmp_path):
    tasks = [Task(f"What is {n} + 1?", f"sum-{n}", "sum", str(n + 1), "numeric") for n in range(N_CALLS)]

    def label(place, asker):
        with counting_server() as server:
            card = ModelCard("right", 1.0, 2.0, base_url=server.url, max_tokens=9)
            done = labelling.label(tasks, {"right": card}, tmp_path / place, plan=Plan(8), asker=asker)
        assert done.n_graded == N_CALLS

    here = seconds(lambda: label("here", send))
    with started() as start, ray_asker() as asker:
        ray = seconds(lambda: label("ray", asker))
    print(
        f"\nOn {os.cpu_count()} processors, {N_CALLS:,} calls to an endpoint that answers at once took {here:.1f} s from one "
        f"process and {ray / here:.1f} times as long through Ray, after {start:.0f} s to start."
    )
