"""What Prometheus reads at /metrics: requests, tokens, USD, confidence, latency, breakers, feedback, reloads.

Every worker process counts for itself. With several of them a scrape reaches any one, so their series carry the
label `worker`: sum over it, as in `sum(rate(pointsman_requests_total[5m]))`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from orchestrator import strategies
from orchestrator.breaker import BreakerState
from orchestrator.gateway.access import require_operator
from orchestrator.gateway.callers import Served
from orchestrator.gateway.errors import ApiError
from orchestrator.gateway.readings import ONE, Reading, Readings
from router_training.contract import SHADOW, RequestRecord

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
BREAKERS = ("closed", "half-open", "open")
NONE = "none"
QUEUED = "Finished requests that wait to be written to feedback."
DEMOTED = "1 while the best constant serves, because the measured benefit of routing is in doubt."
COUNTED = ("model", "text", "prompt_tokens", "completion_tokens")
DIRECT = "direct"
"""The strategy of requests that name a model."""


class Metrics:
    """The figures of one application, in a registry of their own; tell it of each request by calling it.

    Args:
        breakers: what returns the state of every model's breaker, such as `Health.states`.
        queued: what returns how many finished requests wait to be written to feedback.
        worker: told apart from other processes by this; empty where there is one.
        demoted: what tells whether the best constant serves instead of the router.
        readings: further figures that are read when Prometheus asks.
    """

    def __init__(
        self,
        *,
        breakers: Callable[[], Mapping[str, BreakerState]] = dict,
        queued: Callable[[], int] = int,
        worker: str = "",
        demoted: Callable[[], bool] = bool,
        readings: Sequence[Reading] = (),
    ) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._worker = {"worker": worker} if worker else {}
        self._requests = self._counter(
            "requests", "Requests, by who answered.", "model", "strategy", "status"
        )
        self._errors = self._counter(
            "errors", "Answers that are errors, those refused at the door included.", "status", "code"
        )
        self._calls = self._counter(
            "calls", "Calls of models, with those no answer came from.", "model", "outcome"
        )
        self._tokens = self._counter("tokens", "Tokens read and written by models.", "model", "direction")
        self._usd = self._counter(
            "usd",
            "USD that requests have cost, checks included, and second answers (strategy shadow).",
            "model",
            "strategy",
        )
        self._reference = self._counter(
            "reference_usd", "USD that the reference model would have cost.", "model", "strategy"
        )
        self._saved = Gauge(
            "pointsman_usd_saved",
            "USD saved against the reference model, where its cost is known; below 0 if routing cost more.",
            self._labels("model", "strategy"),
            registry=self.registry,
        )
        self._confidence = self._histogram(
            "confidence", "The verifier's confidence in accepted answers.", SHARES
        )
        self._latency = self._histogram("latency_seconds", "From request to whole answer.", SECONDS)
        self._first = self._histogram(
            "first_token_seconds", "From request to first token, of streams.", SECONDS
        )
        self._reloads = self._counter(
            "reloads", "Changes of what serves, and whether they were taken.", "what", "result"
        )
        self.registry.register(_Breakers(breakers, self._worker))
        own = (
            Reading("feedback_queue", QUEUED, lambda: {ONE: float(queued())}),
            Reading("demoted", DEMOTED, lambda: {ONE: float(demoted())}),
        )
        self.registry.register(Readings((*own, *readings), self._worker))
        ProcessCollector(registry=self.registry)

    def __call__(self, served: Served) -> None:
        """Count a request that is over."""
        answer = served.answer
        by = (*self._worker.values(), answer.get("model") or NONE, _label(served.strategy))
        self._requests.labels(*by, served.status).inc()
        self._latency.labels(*by).observe(served.latency_s)
        if served.first_token_s is not None:
            self._first.labels(*by).observe(served.first_token_s)
        for attempt in answer.get("attempts") or ():
            self._count_call(attempt)
        usd = answer.get("usd") or 0.0
        self._usd.labels(*by).inc(usd)
        if served.reference_usd is not None:
            self._reference.labels(*by).inc(served.reference_usd)
            self._saved.labels(*by).inc(served.reference_usd - usd)
        if answer.get("model") and answer.get("confidence") is not None:
            self._confidence.labels(*by).observe(answer["confidence"])

    def shadowed(self, record: RequestRecord) -> None:
        """Count a second answer that nobody saw: its USD among all others, and what it spends of the savings."""
        (attempt,) = record.attempts
        self._count_call({name: getattr(attempt, name) for name in COUNTED})
        by = (*self._worker.values(), attempt.model, SHADOW)
        self._usd.labels(*by).inc(record.usd)
        self._saved.labels(*by).dec(record.usd)

    def erred(self, error: ApiError) -> None:
        """Count an answer that is an error."""
        self._errors.labels(*self._worker.values(), error.status, error.code or NONE).inc()

    def reloaded(self, what: str, *, taken: bool) -> None:
        """Count a change of `what` (champion, models, keys), and whether it was taken or refused."""
        result = "taken" if taken else "refused"
        self._reloads.labels(*self._worker.values(), what, result).inc()

    def text(self) -> bytes:
        """Return all figures in Prometheus' text form."""
        return generate_latest(self.registry)

    def _count_call(self, attempt: Mapping[str, object]) -> None:
        by = (*self._worker.values(), attempt["model"])
        outcome = "failed" if attempt.get("text") is None else "answered"
        self._calls.labels(*by, outcome).inc()
        for direction, key in (("in", "prompt_tokens"), ("out", "completion_tokens")):
            if isinstance(tokens := attempt.get(key), int):
                self._tokens.labels(*by, direction).inc(tokens)

    def _counter(self, name: str, said: str, *labels: str) -> Counter:
        return Counter(f"pointsman_{name}", said, self._labels(*labels), registry=self.registry)

    def _histogram(self, name: str, said: str, buckets: tuple[float, ...]) -> Histogram:
        labels = self._labels("model", "strategy")
        return Histogram(f"pointsman_{name}", said, labels, registry=self.registry, buckets=buckets)

    def _labels(self, *names: str) -> tuple[str, ...]:
        return (*self._worker, *names)


@lru_cache(maxsize=256)
def _label(strategy: str) -> str:
    """Return the names in a strategy's description, two at most, without the options.

    Callers write descriptions, and a label for each of theirs would fill Prometheus.
    """
    known = (*strategies.available(), DIRECT)
    return "/".join([name for name in re.findall(r"[a-z_]+", strategy) if name in known][:2]) or NONE


class _Breakers(Collector):
    """The states of all breakers, as they are when Prometheus asks."""

    def __init__(self, breakers: Callable[[], Mapping[str, BreakerState]], worker: Mapping[str, str]) -> None:
        self._breakers, self._worker = breakers, worker

    def collect(self) -> Iterator[Metric]:
        """Return them, one series per model and state."""
        said = "1 for the state that the model's circuit breaker is in."
        states = GaugeMetricFamily("pointsman_breaker", said, labels=(*self._worker, "model", "state"))
        for model, state in self._breakers().items():
            for name in BREAKERS:
                states.add_metric((*self._worker.values(), model, name), float(state.name == name))
        yield states


def metrics_routes(metrics: Metrics) -> APIRouter:
    """Return the route /metrics, for operators."""
    routes = APIRouter()

    @routes.get("/metrics", include_in_schema=False)
    async def figures(request: Request) -> Response:
        require_operator(await request.app.state.service.gate.identify(request.headers))
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return routes
