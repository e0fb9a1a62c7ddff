"""Writes requests to MLflow as whole traces. Imported by `tracking` alone, which sets MLflow's environment first."""

from __future__ import annotations

from collections.abc import Sequence

from mlflow.entities import (
    Assessment,
    AssessmentSource,
    Expectation,
    Feedback,
    Span,
    TraceInfo,
    TraceLocation,
    TraceState,
)
from mlflow.exceptions import MlflowException
from mlflow.tracing.client import TracingClient

from router_training.contract import GOLD, HUMAN, RequestRecord
from router_training.records.traces import (
    CONFIDENCE,
    EXPECTED,
    PREVIEW_CHARS,
    USER_FEEDBACK,
    GoldGrade,
    SpanRecord,
    is_kept,
    judges_of,
    mlflow_trace_id,
    rationale_of,
    said_of,
    spans_of,
    tags_of,
    verifier_confidence,
)

CHECKS = AssessmentSource("CODE", "pointsman verifier")
USER = AssessmentSource("HUMAN", "user")
REFERENCE = AssessmentSource("CODE", "reference answer")
REFERENCE_TEXT = AssessmentSource("HUMAN", "reference answer")
SOURCES = {"human": USER, "judge": AssessmentSource("LLM_JUDGE", "judge")}
"""Who graded, by the outcome's `label_source`; code against the reference where it names neither."""


def write_traces(records: Sequence[RequestRecord], uri: str, experiment_id: str, run_id: str) -> None:
    """Write these requests at once, as traces of the run `run_id`; writing one again changes nothing.

    All spans go in one call: against SQLite that costs a fifth of MLflow's own path, one call per span.
    """
    client = TracingClient(uri)
    spans: list[Span] = []
    for record in records:
        trace = mlflow_trace_id(record.trace_id)
        steps = spans_of(record)
        client.start_trace(_trace_info(record, experiment_id, run_id, steps[0]))
        spans += [Span.from_dict(step.to_mlflow(trace, index)) for index, step in enumerate(steps)]
    client.log_spans(experiment_id, spans)


def _trace_info(record: RequestRecord, experiment_id: str, run_id: str, span: SpanRecord) -> TraceInfo:
    """Return the head of a trace from its record and its root span."""
    trace = mlflow_trace_id(record.trace_id)
    return TraceInfo(
        trace_id=trace,
        trace_location=TraceLocation.from_experiment_id(experiment_id),
        request_time=span.start_ns // 1_000_000,
        execution_duration=(span.end_ns - span.start_ns) // 1_000_000,
        state=TraceState.ERROR if record.model is None else TraceState.OK,
        request_preview=record.prompt[:PREVIEW_CHARS],
        response_preview=record.result[:PREVIEW_CHARS],
        client_request_id=record.trace_id,
        trace_metadata={"mlflow.trace_schema.version": "3", "mlflow.sourceRun": run_id},
        tags={"mlflow.traceName": span.name, **tags_of(record)},
        assessments=_assessments(record, trace),
    )


def _assessments(record: RequestRecord, trace: str) -> list[Assessment]:
    """Return what is known of the answer, each word from its own source; none where nothing is.

    Their ids follow from the trace id, so that writing one again replaces it.
    """
    found: list[Assessment] = []
    confidence, said = verifier_confidence(record), said_of(record)
    if confidence is not None:
        judges = judges_of(record)
        source = AssessmentSource("LLM_JUDGE", ", ".join(judges)) if judges else CHECKS
        found.append(_feedback("a", trace, CONFIDENCE, confidence, source, rationale_of(record)))
    if HUMAN in said:
        found.append(_feedback("h", trace, USER_FEEDBACK, said[HUMAN].p_correct, USER, said[HUMAN].reason))
    if GOLD in said:
        found.append(_feedback("g", trace, GOLD, said[GOLD].p_correct, REFERENCE, said[GOLD].reason))
    if record.reference is not None and is_kept(record.reference):
        found.append(_expectation(trace, record.reference))
    return found


def write_grades(grades: Sequence[GoldGrade], uri: str) -> int:
    """Add gold grades to the traces of their requests; return how many of them have it now.

    A grade belongs to the answer that the caller got: one of another model's attempt, and one of a request without a
    trace, is passed over. What a trace says already is not written again.
    """
    client = TracingClient(uri)
    told = 0
    for grade in grades:
        trace = mlflow_trace_id(grade.trace_id)
        try:
            info = client.get_trace_info(trace)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                continue
            raise
        if info.tags.get("model") != grade.model:
            continue
        known = {one.assessment_id: one for one in info.assessments}
        for new in _grade(grade, trace, with_text=is_kept(info.request_preview)):
            old = known.get(new.assessment_id)
            if not isinstance(old, Feedback | Expectation):
                client.log_assessment(trace, new)
            elif old.value != new.value:
                client.update_assessment(trace, str(new.assessment_id), new)
        told += 1
    return told


def _grade(grade: GoldGrade, trace: str, *, with_text: bool) -> list[Feedback | Expectation]:
    source = SOURCES.get(grade.label_source, REFERENCE)
    found: list[Feedback | Expectation] = [
        _feedback("g", trace, GOLD, grade.quality, source, "graded in a table of outcomes")
    ]
    if grade.reference and with_text:
        found.append(_expectation(trace, grade.reference))
    return found


def _feedback(
    kind: str, trace: str, name: str, value: float | None, source: AssessmentSource, rationale: str
) -> Feedback:
    feedback = Feedback(name, value, source=source, trace_id=trace, rationale=rationale or None)
    feedback.assessment_id = _id(kind, trace)
    return feedback


def _expectation(trace: str, reference: str) -> Expectation:
    expectation = Expectation(EXPECTED, reference, source=REFERENCE_TEXT, trace_id=trace)
    expectation.assessment_id = _id("e", trace)
    return expectation


def _id(kind: str, trace: str) -> str:
    return f"{kind}-{trace.removeprefix('tr-')}"
