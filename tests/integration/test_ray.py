"""`--engine ray` on a local cluster of two nodes, one of which dies half-way."""

import threading
import time
import warnings

import numpy as np
import pytest

from router_training import labelling
from router_training.contract import ModelCard, Task
from router_training.encoding.ray_vectors import over_ray
from router_training.labels.asking import Plan
from router_training.labels.calls import send
from router_training.labels.ray_engine import ray_asker
from tests.counting_server import counting_server

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore"),  # ray's own, about its processes and sockets
]
TASKS = [Task(f"What is {n} + 1?", f"sum-{n}", "sum", str(n + 1), "numeric") for n in range(40)]


@pytest.fixture
def cluster():
    """Return a local cluster of a head and one more node, and the node that may be killed."""
    ray = pytest.importorskip("ray")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ray.cluster_utils import Cluster

        running = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        second = running.add_node(num_cpus=1)
        ray.init(address=running.address, log_to_driver=False)
        yield running, second
        ray.shutdown()
        running.shutdown()


def label(folder, server, asker, plan):
    card = ModelCard("right", 1.0, 2.0, base_url=server.url, max_tokens=9)
    done = labelling.label(TASKS, {"right": card}, folder, plan=plan, asker=asker)
    return done, [(o.task_id, o.quality, o.response, o.cost_usd, o.error) for o in done.outcomes()]


def test_a_node_that_dies_half_way_changes_no_outcome_and_nothing_is_paid_twice(tmp_path, cluster):
    running, second = cluster
    plan = Plan(concurrency=4)
    with counting_server() as server:
        _, here = label(tmp_path / "here", server, send, plan)
    with counting_server(delay_s=0.3) as server, ray_asker() as asker:

        def kill_half_way():
            while len(server.asked) < 20:
                time.sleep(0.01)
            running.remove_node(second, allow_graceful=False)

        killer = threading.Thread(target=kill_half_way)
        killer.start()
        done, there = label(tmp_path / "there", server, asker, plan)
        killer.join()
    assert there == here
    assert done.n_graded == 40 and done.tally.failed == 0
    assert set(server.paid.values()) == {1} and len(server.paid) == 40


def test_vectors_are_the_same_when_a_node_dies_half_way_and_each_is_delivered_once(minilm, cluster, tmp_path):
    running, second = cluster
    texts = [f"What is {n} + {n}?" for n in range(2_500)]
    dead = []

    def spread(batches):
        for found in over_ray(minilm)(batches):
            yield found
            if not dead:  # most is still to be done
                dead.append(second)
                running.remove_node(second, allow_graceful=False)

    done = []
    assert minilm.cache(tmp_path).fill(texts, spread, lambda *news: done.append(news[1])) == 2_500
    assert dead and done[0] < 1_250 and done[-1] == 2_500 and done == sorted(set(done))
    vectors = minilm.encode_cached(texts, tmp_path, lambda *news: done.append(news))
    assert done[-1] == 2_500 and np.array_equal(vectors, minilm.encode(texts))
