"""What is known of an answer after it was given: a person's opinion, or how it compares with the reference answer."""

from __future__ import annotations

from dataclasses import replace

from router_training import graders
from router_training.contract import GOLD, HUMAN, Attempt, Evidence, RequestRecord, UsageError
from router_training.records.traces import said_of


def rated(record: RequestRecord, score: float, comment: str, reference: str | None = None) -> RequestRecord:
    """Return the request with what a person thinks of its answer, which outweighs what verifiers found.

    `reference` is what the person says should have been answered.

    Raises:
        UsageError: if no model answered, so that there is nothing to rate.
    """
    return _judged(record, Evidence(HUMAN, score, comment), reference)


def compared(record: RequestRecord, reference: str, grader: str) -> RequestRecord:
    """Return the request with its answer graded against the reference, which outweighs all other evidence.

    Raises:
        UsageError: if no model answered, the answer was not kept, or the grader cannot judge it.
    """
    place = _place_of_answer(record)
    grade = graders.load(grader)(record.attempts[place].text or "", reference)
    if grade is None:
        raise UsageError(
            f"grader {grader} cannot judge this answer against {reference[:60]!r}; name another, or give a score"
        )
    return _judged(record, Evidence(GOLD, grade, f"graded by {grader}"), reference)


def _judged(record: RequestRecord, found: Evidence, reference: str | None) -> RequestRecord:
    """Return the request with this word on its answer in place of an earlier one of its kind."""
    place = _place_of_answer(record)
    answer = record.attempts[place]
    evidence = (*(one for one in answer.evidence if one.kind != found.kind), found)
    known = {one.kind: one.p_correct for one in evidence}
    confidence = known[GOLD] if GOLD in known else known[HUMAN]
    is_graded = GOLD in known and found.kind != GOLD  # a grade and the reference it came from stay together
    answer = replace(answer, confidence=confidence, evidence=evidence)
    return replace(
        record,
        attempts=(*record.attempts[:place], answer, *record.attempts[place + 1 :]),
        confidence=confidence,
        reference=record.reference if reference is None or is_graded else reference,
        verified=record.verified if said_of(record) else record.confidence,
    )


def _place_of_answer(record: RequestRecord) -> int:
    place = max((i for i, one in enumerate(record.attempts) if _is_the_answer(one, record)), default=None)
    if place is None:
        raise UsageError(f"request {record.trace_id} had no answer, so there is none to rate")
    return place


def _is_the_answer(attempt: Attempt, record: RequestRecord) -> bool:
    return attempt.model == record.model and attempt.text is not None
