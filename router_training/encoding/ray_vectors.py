"""Vectors made by the nodes of a Ray cluster through Ray Data: the same vectors as one process makes."""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from router_training.contract import DataError
from router_training.embedding import Encoder
from router_training.encoding.vector_cache import ROWS_PER_COMMIT, Found, Spread, Texts, by_key
from router_training.ray_cluster import NODE_LOST, ray_cluster

ANSWERS_IN_S = 20.0
STALLED_S = 60.0  # without a batch from any node: a round that lost one may wait for it for ever


def over_ray(encoder: Encoder, workers: int | None = None, address: str | None = None) -> Spread:
    """Return what makes vectors in actors of a Ray cluster, at most `workers` (default: one per processor).

    The encoder's files travel to the nodes, which need no disk in common. What a lost node had not delivered is made
    again by the others.
    """

    def spread(batches: Iterator[Texts]) -> Iterator[Found]:
        left = {key: text for batch in batches for key, text in batch.items()}
        if not left:
            return
        with ray_cluster(address) as ray:
            from ray.data.exceptions import ExecutionTimeoutError

            lost = 0
            while left:
                try:
                    for found in _round(ray, left, encoder.folder, workers):
                        for key in found:
                            del left[key]
                        yield found
                except (ray.exceptions.RayError, ExecutionTimeoutError) as error:
                    lost += 1
                    if lost > NODE_LOST:
                        raise DataError(
                            f"the Ray cluster failed {lost} times ({str(error).splitlines()[0]}); what was done is "
                            "kept: mend the cluster and run the command again"
                        ) from error
                    _wait_for_nodes(ray)

    return spread


def _wait_for_nodes(ray: Any) -> None:
    """Return when every node that counts as alive answers.

    One that was lost counts so for half a minute, and work that is given to it then may be waited for without end.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ping = ray.remote(num_cpus=0, max_retries=0)(_alive)
    while True:
        alive = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
        there = [NodeAffinitySchedulingStrategy(name, soft=False) for name in alive]
        asked = [ping.options(scheduling_strategy=one).remote() for one in there]
        try:
            if len(ray.get(asked, timeout=ANSWERS_IN_S)) == len(alive):
                return
        except ray.exceptions.RayError:  # lost, or late
            continue


def _alive() -> bool:
    return True


def _round(ray: Any, texts: Texts, folder: Path, workers: int | None) -> Iterator[Found]:
    """Yield what the nodes make of these texts; where a node is lost, raise Ray's error for it."""
    rows = [{"key": key, "text": text.encode("utf-8", "surrogatepass")} for key, text in texts.items()]
    n_blocks = math.ceil(len(rows) / ROWS_PER_COMMIT)
    processors = max(1, int(ray.cluster_resources().get("CPU", 1)))
    size = min(workers or processors, n_blocks)
    given = ray.data.from_items(
        rows, override_num_blocks=n_blocks
    )  # from_arrow runs tasks, and waits for lost nodes
    made = given.map_batches(
        _Encoding,
        fn_constructor_args=(ray.put({file.name: file.read_bytes() for file in folder.iterdir()}),),
        batch_size=None,
        batch_format="pyarrow",
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=size, initial_size=size),
        ray_remote_args_fn=_never_again,
    )
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # it would tell its plans
    made.context.enable_progress_bars = False
    made.context.execution_no_progress_timeout_s = STALLED_S
    for batch in made.iter_batches(batch_size=None, batch_format="pyarrow"):
        yield dict(zip(batch["key"].to_pylist(), batch["vector"].to_pylist(), strict=True))


def _never_again() -> dict[str, int]:
    """Return the options of actors that die once: a restart where no processor is free would be waited for for ever."""
    return {"max_restarts": 0, "max_task_retries": 0}


class _Encoding:
    """An actor with an encoder of its own."""

    def __init__(self, files: Any) -> None:
        import ray

        with tempfile.TemporaryDirectory() as folder:
            for name, content in ray.get(files).items():
                (Path(folder) / name).write_bytes(content)
            self._encoder = Encoder.load(folder)

    def __call__(self, batch: Any) -> Any:
        import pyarrow as pa

        texts = [text.decode("utf-8", "surrogatepass") for text in batch["text"].to_pylist()]
        found = by_key(batch["key"].to_pylist(), self._encoder.encode(texts, threads=1))
        return pa.table({"key": list(found), "vector": list(found.values())})
