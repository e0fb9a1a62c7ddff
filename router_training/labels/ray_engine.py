"""Calls made by the nodes of a Ray cluster; journal and budget stay with the process that started them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from router_training.labels.calls import Asker, Call, Reply, send
from router_training.ray_cluster import NODE_LOST, ray_cluster


@contextmanager
def ray_asker(address: str | None = None) -> Iterator[Asker]:
    """Yield what sends calls from a Ray cluster: the one at `address` or RAY_ADDRESS, else one on this machine.

    A call whose node is lost is made again on another, with the same idempotency key. API keys are read from the
    environment of the nodes.

    Raises:
        UsageError: if ray is not installed.
    """
    with ray_cluster(address) as ray:
        remote = ray.remote(num_cpus=0, max_retries=NODE_LOST)(_send)

        async def asker(call: Call) -> Reply:
            reply: Reply = await remote.options(scheduling_strategy="SPREAD").remote(call)
            return reply

        yield asker


def _send(call: Call) -> Reply:
    return asyncio.run(send(call))
