"""Where calls are made: in this process, or by the nodes of a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router_training.labels.calls import Asker


class Engine(StrEnum):
    """Where work is done."""

    LOCAL = "local"
    RAY = "ray"


@contextmanager
def asker_of(engine: Engine) -> Iterator[Asker]:
    """Yield what sends a call."""
    if engine is Engine.RAY:
        from router_training.labels.ray_engine import ray_asker  # spares ray, 1 s

        with ray_asker() as asker:
            yield asker
        return
    from router_training.labels.calls import send

    yield send
