"""What Prometheus reads: requests, tokens, USD, confidence and latency by model and strategy, and what is live."""

from types import SimpleNamespace

import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from orchestrator.breaker import BreakerState
from orchestrator.gateway.callers import Caller, OpenGate, Served
from orchestrator.gateway.errors import answer_errors
from orchestrator.gateway.metrics import Metrics, metrics_routes


def served(model="small", **changes):
    answer = {
        "model": model,
        "confidence": 0.75,
        "usd": 0.003,
        "trace_id": "t1",
        "error": None,
        "attempts": [
            {"model": "large", "text": None, "prompt_tokens": None, "completion_tokens": None},
            {"model": "small", "text": "42", "prompt_tokens": 12, "completion_tokens": 3},
        ],
    }
    given = {
        "caller": Caller(),
        "route": "/v1/chat/completions",
        "asked_for": "auto",
        "strategy": "fallback(cascade(threshold=0.613))",
        "status": 200,
        "latency_s": 0.3,
        "answer": answer,
        "reference_usd": 0.01,
    }
    return Served(**{**given, **changes})


def figures(metrics):
    """Return {(name, sorted labels): value} of what Prometheus would read."""
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def figure(metrics, name, **labels):
    return figures(metrics)[f"pointsman_{name}", tuple(sorted(labels.items()))]


BY = {"model": "small", "strategy": "fallback/cascade"}


def test_a_request_is_counted_by_model_and_strategy():
    metrics = Metrics()
    metrics(served())
    metrics(served())
    assert figure(metrics, "requests_total", **BY, status="200") == 2
    assert figure(metrics, "usd_total", **BY) == pytest.approx(0.006)
    assert figure(metrics, "reference_usd_total", **BY) == pytest.approx(0.02)
    assert figure(metrics, "usd_saved", **BY) == pytest.approx(0.014)
    assert figure(metrics, "latency_seconds_count", **BY) == 2
    assert figure(metrics, "latency_seconds_bucket", **BY, le="0.25") == 0
    assert figure(metrics, "latency_seconds_bucket", **BY, le="0.5") == 2
    assert figure(metrics, "confidence_bucket", **BY, le="0.7") == 0
    assert figure(metrics, "confidence_bucket", **BY, le="0.8") == 2


def test_calls_and_tokens_belong_to_the_model_that_was_asked():
    metrics = Metrics()
    metrics(served())
    assert figure(metrics, "calls_total", model="large", outcome="failed") == 1
    assert figure(metrics, "calls_total", model="small", outcome="answered") == 1
    assert figure(metrics, "tokens_total", model="small", direction="in") == 12
    assert figure(metrics, "tokens_total", model="small", direction="out") == 3
    assert not any(("model", "large") in labels for name, labels in figures(metrics) if "tokens" in name)


def test_savings_fall_where_routing_costs_more_than_the_reference():
    metrics = Metrics()
    metrics(served(reference_usd=0.001))
    assert figure(metrics, "usd_saved", **BY) == pytest.approx(-0.002)


def test_nothing_is_saved_against_a_reference_that_nobody_knows():
    metrics = Metrics()
    metrics(served(reference_usd=None))
    assert not any("saved" in name or "reference" in name for name, _ in figures(metrics))


def test_a_refused_request_counts_without_a_model():
    metrics = Metrics()
    metrics(served(answer={}, status=429, strategy="", reference_usd=None))
    assert figure(metrics, "requests_total", model="none", strategy="none", status="429") == 1


def test_the_time_to_the_first_token_is_that_of_streams():
    metrics = Metrics()
    metrics(served())
    metrics(served(first_token_s=0.02))
    assert figure(metrics, "first_token_seconds_count", **BY) == 1


def test_callers_cannot_make_labels_up():
    metrics = Metrics()
    for i in range(50):
        metrics(served(strategy=f"cascade(threshold=0.{i})"))
        metrics(served(strategy=f'invented_{i}"\n'))
        metrics(served(strategy="fallback(" * i + "cascade" + ")" * i))
    names = {dict(labels).get("strategy") for name, labels in figures(metrics) if name.endswith("usd_total")}
    assert names == {"cascade", "none", "fallback/cascade", "fallback/fallback"}


def test_breakers_and_the_queue_are_read_when_prometheus_asks():
    states, queue = {"small": BreakerState("closed", 0, 0.0)}, [1]
    metrics = Metrics(breakers=lambda: states, queued=lambda: len(queue))
    assert figure(metrics, "breaker", model="small", state="closed") == 1
    states["small"] = BreakerState("open", 5, 30.0)
    queue.append(2)
    assert figure(metrics, "breaker", model="small", state="open") == 1
    assert figure(metrics, "breaker", model="small", state="closed") == 0
    assert figure(metrics, "feedback_queue") == 2


def test_a_refused_reload_is_counted():
    metrics = Metrics()
    metrics.reloaded("champion", taken=True)
    metrics.reloaded("models", taken=False)
    assert figure(metrics, "reloads_total", what="models", result="refused") == 1
    assert figure(metrics, "reloads_total", what="champion", result="taken") == 1


def test_two_applications_in_one_process_count_apart():
    one, other = Metrics(), Metrics()
    one(served())
    assert not any("requests" in name for name, _ in figures(other))


def test_workers_are_told_apart():
    metrics = Metrics(
        worker="2", breakers=lambda: {"small": BreakerState("closed", 0, 0.0)}, queued=lambda: 3
    )
    metrics(served())
    metrics.reloaded("keys", taken=True)
    assert figure(metrics, "requests_total", worker="2", **BY, status="200") == 1
    assert figure(metrics, "feedback_queue", worker="2") == 3
    ours = [dict(labels) for name, labels in figures(metrics) if name.startswith("pointsman")]
    assert ours and all(labels["worker"] == "2" for labels in ours)


class StrangersGate(OpenGate):
    """Knows everybody, and nobody as an operator."""

    async def identify(self, headers):
        return Caller("alice", is_operator=False)


@pytest.mark.parametrize(("gate", "status"), [(OpenGate(), 200), (StrangersGate(), 403)])
def test_metrics_are_for_operators(gate, status):
    app = FastAPI()
    app.state.service = SimpleNamespace(gate=gate)
    answer_errors(app)
    metrics = Metrics()
    metrics(served())
    app.include_router(metrics_routes(metrics))
    reply = TestClient(app).get("/metrics")
    assert reply.status_code == status
    assert ("pointsman_requests_total" in reply.text) == (status == 200)
