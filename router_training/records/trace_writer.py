"""Writes requests to MLflow as whole traces. Imported by `tracking` alone, which sets MLflow's environment first."""

from __future__ import annotations

from collections.abc import Sequence

from mlflow.entities import Assessment, AssessmentSource, Feedback, Span, TraceInfo, TraceLocation, TraceState
from mlflow.tracing.client import TracingClient

from router_training.contract import RequestRecord
from router_training.records.traces import (
    CONFIDENCE,
    PREVIEW_CHARS,
    USER_FEEDBACK,
    SpanRecord,
    mlflow_trace_id,
    rationale_of,
    said_by_user,
    spans_of,
    tags_of,
)


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
    """Return what a person said of the answer, else what the verifier did; none where neither did."""
    said = said_by_user(record)
    if said is not None:
        source = AssessmentSource("HUMAN", "user")
        feedback = Feedback(
            USER_FEEDBACK, said.p_correct, source=source, trace_id=trace, rationale=said.reason or None
        )
        feedback.assessment_id = "h-" + trace.removeprefix("tr-")
        return [feedback]
    return [] if record.confidence is None else [_confidence(record, trace)]


def _confidence(record: RequestRecord, trace: str) -> Feedback:
    """Return the verifier's word as an assessment whose id follows from the trace id."""
    source = AssessmentSource("CODE", "pointsman verifier")
    feedback = Feedback(
        CONFIDENCE, record.confidence, source=source, trace_id=trace, rationale=rationale_of(record)
    )
    feedback.assessment_id = "a-" + trace.removeprefix("tr-")
    return feedback
