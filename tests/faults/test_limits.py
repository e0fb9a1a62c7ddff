"""No started call ever exceeds a limit, no request is ever lost, whatever models do: through the real graph."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from langchain_core.exceptions import ModelAuthenticationError

from orchestrator import strategies
from router_training.contract import ModelCard
from tests.faults.scenarios import HANGS_S, Scenario, check, random_scenario, run
from tests.faults.virtual_time import Behaviour

COMPOSED = ("fallback(cost_based)", "fallback(cascade)", "fallback(self_verification)")
EVERY = (*strategies.available(), *COMPOSED)


@pytest.mark.parametrize("strategy", EVERY)
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_limit_is_exceeded_and_no_request_lost(strategy, seed):
    scenario = random_scenario(np.random.default_rng(seed), strategy)
    check(scenario, run(scenario))


@pytest.mark.slow
def test_a_thousand_random_fault_scripts_neither_hang_nor_lose_a_request_nor_exceed_a_limit():
    for seed in range(1000):
        scenario = random_scenario(np.random.default_rng(seed), EVERY[seed % len(EVERY)])
        check(scenario, run(scenario))


def simple(*behaviours, strategy="fallback(cost_based)", **request):
    """Two models, "a" preferred; only "a" behaves as told, "b" answers at once."""
    cards = (ModelCard("a", 1.0, 10.0, timeout_s=60.0), ModelCard("b", 1.0, 10.0))
    return Scenario(
        strategy,
        cards,
        p_success=(0.9, 0.5),
        usd=(1e-4, 1e-4),
        usd_high=(2e-4, 2e-4),
        latency_s=(1.0, 1.0),
        latency_high_s=(2.0, 2.0),
        behaviours={"a": list(behaviours), "b": []},
        request=request,
    )


def test_a_call_that_hangs_is_cut_at_the_timeout_of_its_card_and_another_model_answers():
    ran = run(simple(Behaviour(HANGS_S)))
    assert [(call.model, call.end_s - call.start_s) for call in ran.log] == [("a", 60.0), ("b", 0.0)]
    cut = ran.state["attempts"][0]
    assert (cut["failure"], cut["usd"], cut["usd_estimated"]) == ("timeout", 1e-4, True)
    assert cut["error"] == "timed out after 60 s (timeout_s of its card)" and ran.state["model"] == "b"


def test_a_deadline_cuts_what_runs_and_nothing_starts_after_it():
    ran = run(simple(Behaviour(HANGS_S), deadline_s=10.0))
    assert len(ran.log) == 1 and ran.log[0].end_s == pytest.approx(10.0, abs=0.1)
    assert "deadline" in ran.state["error"] and ran.state["model"] is None


def test_what_a_cut_call_may_have_cost_counts_against_the_budget():
    slow = simple(Behaviour(HANGS_S), max_usd=3e-4)
    assert len(run(slow).log) == 1, "what is left of 3e-4 is less than the 2e-4 of a second"
    assert len(run(replace(slow, request={"max_usd": 7e-4})).log) == 2


def test_under_a_budget_the_model_is_told_how_much_it_may_write():
    ran = run(simple(Behaviour(0.0, tokens=1_000_000), max_usd=1e-3))
    assert ran.log[0].allowed_tokens is not None and ran.state["usd"] <= 1e-3
    assert run(simple(Behaviour(0.0, tokens=9))).log[0].allowed_tokens is None


def test_retries_end_with_the_deadline():
    down = [Behaviour(0.9, error=ConnectionRefusedError("refused"))] * 3
    ran = run(simple(*down, deadline_s=2.05))
    assert all(call.end_s <= 2.05 for call in ran.log) and 1 <= len(ran.log) <= 3


def test_models_below_the_floor_are_called_only_after_all_that_reach_it():
    ran = run(simple(Behaviour(0.0, error=ModelAuthenticationError("401")), min_quality=0.8, dial=0.0))
    assert [call.model for call in ran.log] == ["a", "b"] and ran.state["model"] == "b"
    assert "min_quality 0.8 was not reached" in ran.state["note"]
