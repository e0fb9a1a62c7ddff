"""Evidence about an answer, and the confidence that comes of it."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from orchestrator import verifiers
from orchestrator.verifiers import DECISIVE, verified, weighed
from router_training.contract import Attempt, Evidence, Forecast, Task, UsageError

PRIOR = Forecast("small", 0.6, 0.1, 1.0)


class Thinks:
    """An answer model that thinks the same of every answer, and remembers what it was shown."""

    def __init__(self, p):
        self.p, self.shown = p, []

    def confidence(self, prompts, answers, p_prior, models, completion_tokens=None):
        self.shown.append((prompts, answers, p_prior, models, completion_tokens))
        return np.full(len(prompts), self.p)


def judge(prompt, text, answer_model=None, **more):
    return verified(verifiers.standard(answer_model), Task(prompt), Attempt("small", text, **more), PRIOR)


def test_every_verifier_file_is_found_and_can_be_loaded():
    assert {"completeness", "format", "learned"} <= set(verifiers.available())
    with pytest.raises(UsageError, match=r"unknown verifier 'mood'; choose one of .*completeness"):
        verifiers.load("mood")


@pytest.mark.parametrize("name", [name for name in verifiers.available() if name not in ("learned", "judge")])
@given(prompt=st.text(min_size=1), text=st.text())
def test_deterministic_evidence_is_a_probability_with_one_line_of_reason(name, prompt, text):
    found = verifiers.load(name)(Task(prompt), Attempt("small", text), PRIOR)
    assert found.kind == name and found.reason and "\n" not in found.reason
    assert found.p_correct is None or 0.0 <= found.p_correct <= 1.0
    assert found == verifiers.load(name)(Task(prompt), Attempt("small", text), PRIOR)


def test_without_findings_the_forecast_stands():
    attempt = judge("Capital of France?", "Paris")
    assert attempt.confidence == 0.6
    assert [one.kind for one in attempt.evidence] == [
        "completeness",
        "format",
        "code",
        "arithmetic",
        "grounding",
        "logprobs",
    ]


@pytest.mark.parametrize(
    ("prompt", "text", "reason"),
    [
        ("Capital of France?", "", "empty"),
        ("Capital of France?", "I'm sorry, but I can't help with that.", "declines"),
        ("Capital of France?", "It is " + "Paris and then " * 40, "repeats itself"),
        ("Return JSON with key a.", "a = 1", "valid JSON"),
        ("Write a Python function f.", "def f(:", "Python that parses"),
        ("How many apples are left?", "Some apples.", "a number"),
    ],
)
def test_a_flaw_lowers_the_confidence_and_names_itself(prompt, text, reason):
    attempt = judge(prompt, text)
    assert attempt.confidence <= 0.1
    assert any(reason in one.reason and one.p_correct is not None for one in attempt.evidence)


def test_the_endpoints_own_word_tells_a_truncated_answer():
    assert judge("Capital of France?", "It is", finish_reason="length").confidence == pytest.approx(0.3)
    assert judge("Capital of France?", "It is", finish_reason="stop").confidence == 0.6


def test_the_answer_model_sees_prompt_answer_prior_model_and_tokens_and_has_the_last_word():
    model = Thinks(0.9)
    attempt = judge("Return JSON.", "a = 1", model, completion_tokens=3)
    assert attempt.confidence == 0.9 and [one.kind for one in attempt.evidence][-1] == "learned"
    assert model.shown == [(["Return JSON."], ["a = 1"], [0.6], ["small"], [3])]


def test_a_useless_answer_is_not_shown_to_the_answer_model():
    model = Thinks(0.9)
    assert judge("Capital of France?", " ", model).confidence == 0.0
    assert model.shown == []


@given(st.lists(st.none() | st.floats(0, 1), max_size=4))
def test_the_worst_finding_counts_and_a_decisive_one_ends_the_search(found):
    shown = [lambda *_, p=p, i=i: Evidence(f"kind {i}", p, "said so") for i, p in enumerate(found)]
    attempt = verified(shown, Task("hi"), Attempt("small", "hello"), PRIOR)
    decisive = [i for i, p in enumerate(found) if p is not None and p <= DECISIVE]
    seen = found[: decisive[0] + 1] if decisive else found
    assert len(attempt.evidence) == len(seen)
    assert attempt.confidence == min((p for p in seen if p is not None), default=0.6)


class Together:
    """A joint model that believes what most answers say."""

    def confidence(self, prompt, forecasts, attempts):
        texts = [attempt.text for attempt in attempts]
        return tuple(texts.count(text) / len(texts) for text in texts)


def test_answers_compared_later_change_the_confidence_of_earlier_ones():
    judges = verifiers.comparing(verifiers.standard(), Together())
    first, second, third = (Attempt(name, text, 0.6) for name, text in (("a", "4"), ("b", "5"), ("c", "5")))
    alone = weighed(judges, Task("2 + 2?"), [first], [PRIOR])
    assert [one.confidence for one in alone] == [1.0]
    all_three = weighed(judges, Task("2 + 2?"), [*alone, second, third], [PRIOR])
    assert [one.confidence for one in all_three] == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    assert [len(one.evidence) for one in all_three] == [1, 1, 1], "new evidence takes the place of the old"
    assert all_three[0].evidence[0].reason == "b, c differ"
    assert all_three[1].evidence[0].reason == "c says the same; a differs"


def test_comparing_leaves_failures_blanks_and_what_is_decided_alone():
    judges = verifiers.comparing((), Together())
    failed, blank = Attempt("a", None, error="down"), Attempt("b", " ", 0.0)
    useless = Attempt("c", "4", 0.01, evidence=(Evidence("completeness", 0.0, "empty"),))
    doubted = Attempt("d", "4", 0.01, evidence=(Evidence("learned", 0.01, "unlike"),))
    found = weighed(judges, Task("2 + 2?"), [failed, blank, useless, doubted], [PRIOR])
    assert found[:2] == [failed, blank]
    assert [one.confidence for one in found[2:]] == [0.01, 1.0]
    assert weighed(verifiers.standard(), Task("2 + 2?"), [doubted], [PRIOR]) == [doubted]
    silent = weighed([verifiers.load("agreement")], Task("2 + 2?"), [doubted], [PRIOR])[0]
    assert silent.confidence == 0.01 and silent.evidence[-1].p_correct is None
