"""What users plug in: verifiers that raise or return something odd, and numbers of numpy's; no answer is lost to them."""

import json
import logging
import math

import numpy as np
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from orchestrator.graph import build_graph
from orchestrator.models import Reply, ScriptedModel
from orchestrator.verifiers import load, verified, weighed
from router_training.contract import Attempt, Evidence, Forecast, ModelCard, Task, UsageError

THREAD = {"configurable": {"thread_id": "1"}}
PRIOR, TASK = Forecast("a", 0.6, 0.1, 1.0), Task("What is 17 + 25?")


def taste(task, attempt, forecast):
    raise KeyError("no such rule")


CARD = ModelCard("a", 0.1, 0.4)


def graph(verifier, card=CARD, asked=None, **options):
    def script(prompt):
        if asked is not None:
            asked.append(prompt)
        return Reply("fine", 3, 3)

    models = {"a": ScriptedModel(label="a", script=script)}
    return build_graph(catalogue={"a": card}, models=models, verifier=verifier, **options)


async def test_a_verifier_that_raises_costs_nobody_the_answer_and_is_in_the_log(caplog):
    seen = []
    one = graph([taste, load("completeness")], feedback=seen.append)
    for state in (one.invoke({"input": "hi"}), await one.ainvoke({"input": "hi"})):
        broken, complete = state["attempts"][0]["evidence"]
        assert state["result"] == "fine" and state["confidence"] > 0.0
        assert broken["kind"] == "taste" and broken["p_correct"] is None and "KeyError" in broken["reason"]
        assert complete["kind"] == "completeness"
    assert len(seen) == 2
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert "no such rule" in caplog.text and "the verifier taste failed" in caplog.text


@pytest.mark.parametrize("odd", [None, 0.9, Evidence("taste", math.nan, "x"), Evidence("taste", "good", "x")])
def test_what_is_no_evidence_says_nothing(odd, caplog):
    found = verified([lambda task, attempt, forecast: odd], TASK, Attempt("a", "42"), PRIOR)
    assert found.evidence[0].p_correct is None and found.confidence == 0.6
    assert "Error" in found.evidence[0].reason and "failed" in caplog.text


def test_a_comparison_of_answers_that_raises_leaves_them_as_they_were(caplog):
    class Comparing:
        def __call__(self, task, attempt, forecast):
            return Evidence("comparing", None, "alone")

        def together(self, task, attempts, forecasts):
            raise ZeroDivisionError

    (found,) = weighed([Comparing()], TASK, [Attempt("a", "42", confidence=0.7)], [PRIOR])
    assert found.confidence == 0.7 and "ZeroDivisionError" in found.evidence[0].reason
    assert "ZeroDivisionError" in caplog.text


def test_a_verifier_that_fails_to_take_its_bounds_says_nothing(caplog):
    class Bound:
        def __call__(self, task, attempt, forecast):
            return Evidence("bound", 0.9, "x")

        def within(self, bounds):
            raise RuntimeError("no bounds")

    state = graph([Bound()]).invoke({"input": "hi", "max_usd": 1.0})
    assert state["result"] == "fine" and state["attempts"][0]["evidence"][0]["p_correct"] is None
    assert "no bounds" in caplog.text


def test_a_verifier_may_ask_a_person():
    def person(task, attempt, forecast):
        return Evidence("person", float(interrupt(f"is {attempt.text!r} right?")), "said so")

    one = graph([person], checkpointer=InMemorySaver())
    assert one.invoke({"input": "hi"}, THREAD)["__interrupt__"][0].value == "is 'fine' right?"
    assert one.invoke(Command(resume=0.9), THREAD)["confidence"] == 0.9


@pytest.mark.parametrize("p", [np.float64(0.8), np.float32(0.8), np.True_, np.mean([0.7, 0.9]), True, 1])
def test_numbers_of_numpy_in_evidence_are_kept_as_plain_ones(p):
    def taste(task, attempt, forecast):
        return Evidence("taste", p, "x", np.float32(0.5), np.int64(2))

    one = graph([taste], checkpointer=InMemorySaver())
    one.invoke({"input": "hi"}, THREAD)
    kept = one.get_state(THREAD).values
    assert json.dumps(kept) and kept["confidence"] == pytest.approx(float(p))
    assert kept["usd"] > 0.5 and kept["latency_s"] > 2.0


def test_prices_from_a_table_are_kept_as_plain_numbers():
    card = ModelCard("a", np.float64(0.1), np.float32(0.5), context_tokens=np.int64(4096))
    assert card == ModelCard("a", 0.1, 0.5, context_tokens=4096)
    assert [type(one) for one in (card.usd_per_mtok_in, card.context_tokens)] == [float, int]
    one = graph(None, card, checkpointer=InMemorySaver())
    one.invoke({"input": "hi", "max_usd": 1.0}, THREAD)
    assert json.dumps(one.get_state(THREAD).values)


@pytest.mark.parametrize("limit", ["max_usd", "deadline_s", "dial", "min_quality"])
def test_a_limit_that_no_checkpointer_keeps_is_refused_before_any_call(limit):
    asked = []
    one, free = graph(None, asked=asked, checkpointer=InMemorySaver()), graph(None)
    with pytest.raises(UsageError, match=f"{limit} is np.float64.*give a plain number: 1.0"):
        one.invoke({"input": "hi", limit: np.float64(1.0)}, THREAD)
    assert asked == []
    assert one.invoke({"input": "and now?"}, THREAD)["result"] == "fine"
    assert free.invoke({"input": "hi", limit: np.float64(1.0)})["result"] == "fine"
