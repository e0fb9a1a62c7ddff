"""What people and references say of an answer after it was given."""

import pytest

from orchestrator.feedback import from_json, to_json
from orchestrator.gateway.privacy import redacted
from orchestrator.rating import compared, rated
from router_training.contract import UsageError
from router_training.records.feedback_rows import outcomes_of
from router_training.records.traces import said_of, verifier_confidence


def test_a_person_outweighs_the_verifier_whose_word_is_kept(request_record):
    record = rated(request_record(), 0.0, "wrong town", "Paris")
    assert (record.confidence, record.verified, record.reference) == (0.0, 0.75, "Paris")
    assert verifier_confidence(record) == 0.75 and said_of(record)["human"].reason == "wrong town"
    (outcome,) = outcomes_of(record)
    assert (outcome.quality, outcome.label_source, outcome.reference) == (0.0, "human", "Paris")


def test_who_changes_his_mind_is_heard_and_the_verifiers_word_stays(request_record):
    record = rated(rated(request_record(), 0.0, "no"), 1.0, "yes")
    assert (record.confidence, verifier_confidence(record)) == (1.0, 0.75)
    assert [one.kind for one in record.attempts[0].evidence] == ["number", "human"]


@pytest.mark.parametrize("person_first", [True, False])
def test_a_reference_outweighs_a_person_in_either_order(request_record, person_first):
    steps = [lambda one: rated(one, 1.0, "fine", "42"), lambda one: compared(one, "41", "numeric")]
    record = request_record(42)
    for step in steps if person_first else reversed(steps):
        record = step(record)
    (outcome,) = outcomes_of(record)
    assert (record.confidence, outcome.quality, outcome.label_source) == (0.0, 0.0, "gold")
    assert record.reference == "41", "a grade and the reference it came from stay together"
    assert set(said_of(record)) == {"human", "gold"} and verifier_confidence(record) == 0.75


def test_only_the_answer_that_was_given_is_graded(request_record):
    small, large = outcomes_of(compared(request_record(7, attempts=2), "7", "numeric"))
    assert (small.quality, small.label_source) == (0.25, "verifier")
    assert (large.quality, large.label_source) == (1.0, "gold")


def test_a_grader_that_cannot_judge_and_an_answer_that_never_came_are_usage_errors(request_record):
    with pytest.raises(UsageError, match="grader numeric cannot judge"):
        compared(request_record(), "no number", "numeric")
    with pytest.raises(UsageError, match="had no answer"):
        compared(request_record(error="down"), "7", "numeric")
    with pytest.raises(UsageError, match="had no answer"):
        rated(request_record(error="down"), 1.0, "")


def test_a_judged_request_survives_the_spool(request_record):
    record = compared(rated(request_record(3), 0.5, "so so"), "3", "numeric")
    again = from_json(to_json(record))
    assert to_json(again) == to_json(record) and again.attempts == record.attempts
    assert (again.reference, again.verified) == ("3", 0.75)


def test_what_an_earlier_version_spooled_is_read(request_record):
    whole = to_json(request_record())
    line = whole.replace(', "reference": null, "verified": null', "")
    assert "verified" not in line and to_json(from_json(line)) == whole


@pytest.mark.parametrize("privacy", ["hash", "none"])
def test_a_reference_is_kept_like_every_other_text(request_record, privacy):
    kept = redacted(compared(request_record(3), "answer 3 indeed", "token_f1"), privacy)
    assert "indeed" not in to_json(kept)
    assert outcomes_of(kept)[0].quality == pytest.approx(0.8)
