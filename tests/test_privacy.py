"""What is kept of prompts and answers: everything, digests, or nothing."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from orchestrator.feedback import from_json, to_json
from orchestrator.gateway.privacy import hashed, redacted
from router_training.contract import Evidence, ToolCall, UsageError
from router_training.records.feedback_rows import outcomes_of

SECRET = "my blood pressure"


@pytest.fixture
def record(request_record):
    """Return a request in which every text quotes the user."""
    made = request_record(attempts=3)
    said = replace(
        made.attempts[0],
        text=f"answer about {SECRET}",
        evidence=(Evidence("number", 0.75, f"asked about {SECRET}"),),
        tool_calls=(ToolCall("search", f"{{'q': '{SECRET}'}}", "1", f"found {SECRET}"),),
    )
    failed = replace(
        made.attempts[1], text=None, error=f"refused: {SECRET}", failure="refusal", confidence=None
    )
    return replace(
        made,
        prompt=f"What of {SECRET}?",
        result=f"It is about {SECRET}",
        attempts=(said, failed, made.attempts[2]),
    )


def test_full_keeps_everything(record):
    assert redacted(record, "full") is record


@pytest.mark.parametrize("privacy", ["hash", "none"])
def test_no_word_of_the_user_or_a_model_is_left(record, privacy):
    written = to_json(redacted(record, privacy))
    assert SECRET not in written and "blood" not in written and "answer" not in written


@pytest.mark.parametrize("privacy", ["hash", "none"])
def test_everything_else_stays(record, privacy):
    kept = redacted(record, privacy)
    for name in ("trace_id", "time", "strategy", "decision", "model", "confidence", "usd", "latency_s"):
        assert getattr(kept, name) == getattr(record, name)
    for was, now in zip(record.attempts, kept.attempts, strict=True):
        assert (was.text is None, was.error is None) == (now.text is None, now.error is None)
        assert [one.p_correct for one in was.evidence] == [one.p_correct for one in now.evidence]
        assert (was.usd, was.prompt_tokens, was.failure) == (now.usd, now.prompt_tokens, now.failure)


def test_a_digest_recognises_the_same_prompt_and_tells_others_apart(record, request_record):
    kept = [redacted(one, "hash").prompt for one in (record, record, request_record(1))]
    assert kept[0] == kept[1] != kept[2] and kept[0] == hashed(record.prompt)


@given(st.text(st.characters(), max_size=20))
def test_any_text_has_a_digest_of_one_length(text):
    assert len(hashed(text)) == len("sha256:") + 64


@pytest.mark.parametrize("privacy", ["hash", "none"])
def test_what_was_not_kept_travels_through_the_spool_and_into_rows(record, privacy):
    kept = from_json(to_json(redacted(record, privacy)))
    assert to_json(kept) == to_json(redacted(record, privacy))
    assert [outcome.model for outcome in outcomes_of(kept)] == ["small", "large", "larger"]


def test_an_unknown_level_is_refused(record):
    with pytest.raises(UsageError, match="full, hash, none"):
        redacted(record, "secret")
