"""Requests as MLflow's own search, evaluation and page see them, on a real `mlflow server`."""

import shutil
from contextlib import contextmanager
from dataclasses import replace

import mlflow
import pytest
from mlflow.entities import Feedback
from mlflow.genai import scorer

from orchestrator.collecting import drain
from orchestrator.feedback import Spool
from orchestrator.gateway.privacy import redacted
from orchestrator.graph import build_graph
from orchestrator.models import Reply, ScriptedModel
from orchestrator.rating import compared, rated
from router_training.records.traces import GoldGrade
from router_training.tracking import open_store
from tests.integration.servers import mlflow_server

pytestmark = pytest.mark.integration
SUMS = [(n, n + 3) for n in range(10, 16)]


@pytest.fixture(scope="module")
def server(tmp_path_factory, mlflow_database):
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(mlflow_database, folder / "server.db")
    with mlflow_server(folder) as address:
        yield address


@pytest.fixture(scope="module")
def served(server, two_kinds_policy, tmp_path_factory):
    """Answer six sums through the graph, the last two wrongly; rate one, grade three; return (store, records)."""

    def script(prompt):
        a, b = (int(word.strip("?")) for word in prompt.split() if word.strip("?").isdigit())
        return Reply(f"It is {a + b if a < 14 else a}.", prompt_tokens=12, completion_tokens=4)

    records = []
    graph = build_graph(
        two_kinds_policy,
        models={name: ScriptedModel(label=name, script=script) for name in two_kinds_policy.models},
        strategy="cost_based",
        feedback=records.append,
    )
    for a, b in SUMS:
        graph.invoke({"input": f"What is {a} plus {b}?", "task_type": "sum"})
    records[0] = rated(records[0], 1.0, "as it should be")
    for i in (1, 4):
        records[i] = compared(records[i], str(sum(SUMS[i])), "numeric")
    store = open_store(server)
    with Spool(tmp_path_factory.mktemp("spool")) as spool:
        for record in records:
            spool(record)
        assert drain(spool, store) == len(SUMS)
    grade = GoldGrade(records[5].trace_id, records[5].model, 0.0, reference=str(sum(SUMS[5])))
    assert store.log_grades([grade]) == 1
    return store, records


@contextmanager
def asking(server):
    """Point MLflow's own functions at the server."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(server)
    yield
    mlflow.set_tracking_uri(before)


def found(store, search, **options):
    return mlflow.search_traces(locations=[store.experiment_id], filter_string=search, **options)


def test_search_finds_requests_by_assessment_tag_and_attribute(server, served):
    store, records = served
    with asking(server):
        for search, numbers in {
            "feedback.gold >= 1": {1},
            "feedback.gold < 0.5": {4, 5},
            "feedback.user_feedback > 0.5": {0},
            "feedback.verifier_confidence >= 0": set(range(6)),
            f"expectation.expected_response = '{sum(SUMS[5])}'": {5},
            "tags.strategy = 'cost_based' AND tags.task_type = 'sum'": set(range(6)),
            "tags.escalated = 'true'": set(),
            "span.name = 'router'": set(range(6)),
        }.items():
            ids = {trace.info.client_request_id for trace in found(store, search, return_type="list")}
            assert ids == {records[number].trace_id for number in numbers}, search


def test_every_attribute_that_the_choice_rested_on_is_in_the_spans(server, served, two_kinds_policy):
    store, records = served
    with asking(server):
        (trace,) = found(store, "feedback.user_feedback > 0.5", return_type="list")
    request, router, attempt, _ = sorted(trace.data.spans, key=lambda span: int(span.span_id, 16))
    decision = records[0].decision
    assert [one["model"] for one in router.get_attribute("forecasts")] == ["large", "small"]
    assert router.get_attribute("forecasts")[0]["p_success"] == decision.forecasts[0].p_success
    assert (router.get_attribute("dial"), router.get_attribute("propensity")) == (0.8, 1.0)
    assert request.get_attribute("strategy") == "cost_based"
    assert request.get_attribute("data_digest") == two_kinds_policy.metadata["data_digest"]
    assert request.get_attribute("price_digest") == records[0].price_digest is not None
    assert request.get_attribute("usd") == attempt.get_attribute("usd") == records[0].usd > 0
    assert attempt.get_attribute("mlflow.chat.tokenUsage") == {
        "input_tokens": 12,
        "output_tokens": 4,
        "total_tokens": 16,
    }
    assert trace.info.token_usage["total_tokens"] == 16
    assert trace.info.cost["total_cost"] == pytest.approx(records[0].usd)


@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred")  # MLflow on its own scorers
@pytest.mark.filterwarnings("ignore:Starting with pandas version 4")  # MLflow's own use of pandas
def test_mlflows_evaluation_runs_over_requests_with_their_expectations(server, served):
    store, _ = served

    @scorer
    def states_the_sum(outputs, expectations):
        return Feedback(value=expectations["expected_response"] in outputs["result"])

    @scorer
    def is_cheap(trace):
        return trace.data.spans[0].get_attribute("usd") < 1e-3

    with asking(server):
        mlflow.set_experiment(experiment_id=store.experiment_id)
        result = mlflow.genai.evaluate(
            data=found(store, "feedback.gold >= 0"), scorers=[states_the_sum, is_cheap]
        )
        assert result.metrics["states_the_sum/mean"] == pytest.approx(1 / 3)
        assert result.metrics["is_cheap/mean"] == 1.0
        judged = found(store, "feedback.states_the_sum = 'true'", return_type="list")
        assert [{one.name for one in trace.info.assessments} for trace in judged] == [
            {"verifier_confidence", "gold", "expected_response", "states_the_sum", "is_cheap"}
        ]


def test_what_is_not_kept_is_nowhere_on_the_server(server, served):
    store, records = served
    told = [
        replace(redacted(records[4], privacy), trace_id=f"{number:032x}")
        for number, privacy in enumerate(("hash", "none"))
    ]
    store.log_requests(told)
    with asking(server):
        for record in told:
            trace = mlflow.get_trace(f"tr-{record.trace_id}")
            assert {one.name for one in trace.info.assessments} == {"verifier_confidence", "gold"}
            kept = trace.to_json()
            for text in (" plus ", "It is", "graded by"):
                assert text not in kept


def test_mlflows_page_shows_requests_with_their_assessments(server, served, browser):
    store, _ = served
    page = browser.new_page(viewport={"width": 1500, "height": 620})
    page.goto(f"{server}/#/experiments/{store.experiment_id}/traces")
    page.get_by_text("What is 14 plus 17?").first.wait_for(timeout=120_000)
    for name in ("verifier_confidence", "user_feedback", "gold"):
        page.get_by_text(name).first.wait_for(timeout=30_000)
    page.close()
