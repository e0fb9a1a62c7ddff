"""What MLflow shows of an answer: the verifier's word, a person's, and gold, each from its own source."""

from dataclasses import replace

import pytest
from mlflow import MlflowClient

from orchestrator.gateway.privacy import hashed, redacted
from orchestrator.rating import compared, rated
from router_training.contract import Evidence, Outcome
from router_training.outcomes import OutcomeTable
from router_training.records.traces import GoldGrade
from router_training.tables.grades import gold_grades


def assessments(store):
    """Return {trace id: {name: assessment}}."""
    found = MlflowClient(store.uri).search_traces([store.experiment_id])
    return {
        trace.info.client_request_id: {one.name: one for one in trace.info.assessments} for trace in found
    }


def number_of(store, search):
    return len(MlflowClient(store.uri).search_traces([store.experiment_id], search))


def test_verifier_person_and_reference_stand_side_by_side(store, request_record):
    record = compared(rated(request_record(7), 0.0, "wrong town"), "7", "numeric")
    store.log_requests([record])
    (found,) = assessments(store).values()
    assert {name: (one.value, one.source.source_type, one.rationale) for name, one in found.items()} == {
        "verifier_confidence": (0.75, "CODE", "a number was asked and given"),
        "user_feedback": (0.0, "HUMAN", "wrong town"),
        "gold": (1.0, "CODE", "graded by numeric"),
        "expected_response": ("7", "HUMAN", None),
    }
    assert found["expected_response"].expectation is not None
    for search in (
        "feedback.verifier_confidence > 0.5 AND feedback.user_feedback < 0.5 AND feedback.gold >= 1.0",
        "expectation.expected_response = '7'",
    ):
        assert number_of(store, search) == 1
    assert number_of(store, "feedback.gold < 1") == 0


def test_the_word_of_a_model_that_was_asked_is_a_judges(store, request_record):
    record = request_record()
    (attempt,) = record.attempts
    seen = (*attempt.evidence, Evidence("check", 0.75, "larger agrees", usd=0.001, model="larger"))
    store.log_requests([replace(record, attempts=(replace(attempt, evidence=seen),))])
    (found,) = assessments(store).values()
    source = found["verifier_confidence"].source
    assert (source.source_type, source.source_id) == ("LLM_JUDGE", "larger")
    assert found["verifier_confidence"].rationale == "a number was asked and given; larger agrees"


def test_gold_that_comes_later_joins_the_trace_and_shipping_it_again_changes_nothing(store, request_record):
    store.log_requests([request_record(number, attempts=2) for number in range(3)])
    grades = [
        GoldGrade(request_record(0).trace_id, "large", 1.0, reference="1"),
        GoldGrade(request_record(1).trace_id, "small", 0.0),  # not the answer that was given
        GoldGrade("f" * 32, "large", 1.0),  # of a request without a trace
        GoldGrade(request_record(2).trace_id, "large", 0.5, "human"),
    ]
    assert [store.log_grades(grades) for _ in range(2)] == [2, 2]
    first, second, third = (assessments(store)[request_record(number).trace_id] for number in range(3))
    assert (first["gold"].value, first["gold"].source.source_type) == (1.0, "CODE")
    assert first["expected_response"].value == "1"
    assert set(second) == {"verifier_confidence"}
    assert (third["gold"].value, third["gold"].source.source_type) == (0.5, "HUMAN")
    assert {len(one) for one in (first, third)} == {3, 2}

    assert store.log_grades([replace(grades[0], quality=0.25)]) == 1
    found = MlflowClient(store.uri).search_traces([store.experiment_id], "feedback.gold <= 0.25")
    assert [one.info.client_request_id for one in found] == [request_record(0).trace_id]
    assert len(found[0].info.assessments) == 3


@pytest.mark.parametrize("privacy", ["hash", "none"])
def test_a_reference_is_not_shown_where_prompts_are_not_kept(store, request_record, privacy):
    told = redacted(compared(request_record(3), "3", "numeric"), privacy)
    store.log_requests([told, redacted(request_record(4), privacy)])
    grades = [GoldGrade(request_record(4).trace_id, "small", 1.0, reference="4")]
    assert store.log_grades(grades) == 1
    found = assessments(store).values()
    assert [set(one) for one in found] == [{"verifier_confidence", "gold"}] * 2
    assert {one["gold"].value for one in found} == {1.0}


@pytest.mark.parametrize("at_once", [True, False])
def test_a_request_shipped_before_and_after_its_rating_has_each_word_once(store, request_record, at_once):
    record = request_record(5)
    told = [record, rated(record, 0.0, "no"), rated(rated(record, 0.0, "no"), 1.0, "yes, after all")]
    for part in [told] if at_once else [[one] for one in told]:
        run_id = store.log_requests(part)
        assert MlflowClient(store.uri).get_run(run_id).data.metrics["requests"] == 1
    (trace,) = MlflowClient(store.uri).search_traces([store.experiment_id])
    assert sorted((one.name, one.value) for one in trace.info.assessments) == [
        ("user_feedback", 1.0),
        ("verifier_confidence", 0.75),
    ]


def test_tables_grade_answers_by_request_or_by_prompt_and_answer():
    def row(task_id, prompt, response, quality=None, **more):
        return Outcome(task_id, prompt, "small", quality, response=response, cost_usd=0.1, **more)

    heard = [
        row("r1", "two and two?", "4", 0.6, label_source="verifier"),
        row("r2", "three and three?", "7", 0.6, label_source="verifier"),
        row("r3", hashed("four and four?"), hashed("8"), 0.6, label_source="verifier"),
        row("r4", "five and five?", "10", 1.0, label_source="gold"),
    ]
    gold = OutcomeTable.from_outcomes(
        [
            row("t1", "two and two?", "4", 1.0, reference="4"),
            row("t2", "three and three?", "6", 1.0),  # another answer
            row("r3", "four and four?", "8", 1.0, reference="8"),
            row("r4", "five and five?", "10", 0.0),
        ]
    )
    found = gold_grades(heard, [gold])
    assert [(one.trace_id, one.quality, one.reference) for one in found] == [
        ("r1", 1.0, "4"),
        ("r3", 1.0, "8"),
    ]
