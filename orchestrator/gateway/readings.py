"""Figures that are read where they arise, when Prometheus asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

ONE = ""
"""The only series of a reading without a label."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure, or one per value of `label`; `read` returns them, under ONE where there is no label."""

    name: str
    said: str
    read: Callable[[], Mapping[str, float]]
    label: str | None = None
    only_grows: bool = False


class Readings(Collector):
    """Reads them all; `worker` are labels that every series carries."""

    def __init__(self, readings: Sequence[Reading], worker: Mapping[str, str]) -> None:
        self._readings, self._worker = readings, worker

    def collect(self) -> Iterator[Metric]:
        """Return every figure as it is now."""
        for one in self._readings:
            kind = CounterMetricFamily if one.only_grows else GaugeMetricFamily
            labels = (*self._worker, *([] if one.label is None else [one.label]))
            family = kind(f"pointsman_{one.name}", one.said, labels=labels)
            for value, found in one.read().items():
                own = [] if one.label is None else [value]
                family.add_metric((*self._worker.values(), *own), found)
            yield family
