"""A breaker opens, rests, probes with one call, and closes."""

import threading

import pytest
from hypothesis import given, strategies as st

from orchestrator.breaker import FAILURES, LONGEST_REST_S, REST_S, Breaker, BreakerState
from orchestrator.health import Health


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(clock)


def fail(breaker, times=FAILURES):
    for _ in range(times):
        breaker.begin().end(False)


def test_failures_in_a_row_open_it_and_a_success_between_starts_the_count_again(breaker):
    fail(breaker, FAILURES - 1)
    breaker.begin().end(True)
    fail(breaker, FAILURES - 1)
    assert breaker.state() == BreakerState("closed", FAILURES - 1, 0.0) and breaker.refusal() is None
    fail(breaker, 1)
    assert breaker.state() == BreakerState("open", FAILURES, REST_S)
    assert breaker.begin() is None
    assert breaker.refusal() == "circuit open after 5 failures in a row, try again in 30 s"


def test_after_its_rest_one_call_probes_and_its_success_closes_it(breaker, clock):
    fail(breaker)
    clock.now = REST_S
    assert breaker.state().name == "half-open" and breaker.refusal() is None
    probe = breaker.begin()
    assert breaker.begin() is None and breaker.refusal().startswith("circuit half-open")
    probe.end(True)
    assert breaker.state() == BreakerState("closed", 0, 0.0)


def test_a_probe_that_fails_opens_it_again_and_one_that_is_cancelled_leaves_the_place_free(breaker, clock):
    fail(breaker)
    clock.now = REST_S
    breaker.begin().end(None)
    assert breaker.state().name == "half-open"
    breaker.begin().end(False)
    assert breaker.state() == BreakerState("open", FAILURES + 1, REST_S)


def test_calls_that_began_before_it_opened_change_nothing_when_they_end(breaker, clock):
    early = [breaker.begin() for _ in range(3)]
    fail(breaker)
    clock.now = 10.0
    early[0].end(True)
    early[1].end(False)
    assert breaker.state() == BreakerState("open", FAILURES, REST_S - 10.0)
    clock.now = REST_S
    breaker.begin()
    early[2].end(None)
    assert breaker.begin() is None, "the probe is still out"


def test_an_endpoint_that_asks_for_rest_gets_it_at_once_but_not_for_ever(breaker, clock):
    breaker.begin().end(False, 12.0)
    assert breaker.state() == BreakerState("open", 1, 12.0)
    clock.now = 12.0
    breaker.begin().end(False, 1e9)
    assert breaker.state().retry_in_s == LONGEST_REST_S


def test_a_permit_counts_once(breaker):
    permit = breaker.begin()
    for _ in range(2 * FAILURES):
        permit.end(False)
    assert breaker.state().failures == 1


@given(
    st.lists(
        st.tuples(st.sampled_from(["begin", "end"]), st.sampled_from([True, False, None]), st.floats(0, 20))
    )
)
def test_whatever_happens_at_most_one_probe_is_out_and_rest_is_kept(steps):
    clock = Clock()
    breaker, out = Breaker(clock), []
    for act, verdict, wait_s in steps:
        clock.now += wait_s
        before = breaker.state().name
        if act == "end" and out:
            out.pop().end(verdict)
        elif (permit := breaker.begin()) is not None:
            assert before != "open"
            assert before == "closed" or breaker.begin() is None
            out.append(permit)
        else:
            assert breaker.refusal() is not None


def test_threads_may_share_it(clock):
    breaker = Breaker(clock, failures=10_000)

    def work():
        for _ in range(500):
            breaker.begin().end(False)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert breaker.state().failures == 4000


def test_health_shows_the_state_of_every_breaker_and_who_may_not_be_called(clock):
    health = Health(clock)
    fail(health.breaker("a"))
    health.breaker("b").begin().end(True)
    assert {model: state.name for model, state in health.states().items()} == {"a": "open", "b": "closed"}
    assert list(health.refusals(["a", "b", "c"])) == ["a"]
