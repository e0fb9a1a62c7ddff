"""A connection to a Ray cluster, for as long as it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from router_training.extras import needed

NODE_LOST = 20  # times that work goes to other nodes when its own is lost


@contextmanager
def ray_cluster(address: str | None = None) -> Iterator[Any]:
    """Yield `ray`, connected to the cluster at `address` or RAY_ADDRESS, else to one started on this machine.

    A connection that stood before is used, and stays.

    Raises:
        UsageError: if ray is not installed.
    """
    ray = needed("ray", "ray", "--engine ray")
    begun = not ray.is_initialized()
    if begun:
        ray.init(address=address, log_to_driver=False, configure_logging=False)
    try:
        yield ray
    finally:
        if begun:
            ray.shutdown()
