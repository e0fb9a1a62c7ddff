"""Records survive the way into plain data and back, as JSON and as a checkpoint keep them."""

import json

from hypothesis import given, strategies as st

from orchestrator import plain
from router_training.contract import Attempt, Decision, Evidence, Forecast, ToolCall

text, unit = st.text(max_size=20), st.floats(0, 1)
evidence = st.builds(Evidence, text, st.none() | unit, text, unit, unit)
tool_calls = st.builds(ToolCall, text, text, text, st.none() | text, unit)
attempts = st.builds(
    Attempt,
    text,
    st.none() | text,
    st.none() | unit,
    st.none() | text,
    unit,
    unit,
    st.none() | st.integers(0),
    st.none() | st.integers(0),
    st.lists(evidence, max_size=3).map(tuple),
    st.booleans(),
    st.none() | text,
    tool_calls=st.lists(tool_calls, max_size=2).map(tuple),
    message_id=st.none() | text,
)
decisions = st.builds(
    Decision,
    text,
    unit,
    unit,
    text,
    st.lists(st.builds(Forecast, text, unit, unit, unit, unit), max_size=3).map(tuple),
)


@given(attempts)
def test_an_attempt_comes_back_the_same(attempt):
    assert plain.attempt(json.loads(json.dumps(plain.plain(attempt)))) == attempt


@given(decisions)
def test_a_decision_comes_back_the_same(decision):
    assert plain.decision(json.loads(json.dumps(plain.plain(decision)))) == decision
