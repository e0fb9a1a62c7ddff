"""Forecast latencies follow what calls have taken lately."""

import math
import threading

import pytest
from hypothesis import given, strategies as st

from orchestrator.latency import CALLS, MAX_AGE_S, PRIOR_CALLS, LatencyWindow
from router_training.contract import Forecast

FORECAST = Forecast("a", 0.5, 0.1, 2.0, latency_high_s=3.0)
seconds = st.floats(1e-3, 1e3)


def window(*calls):
    one = LatencyWindow(lambda: 0.0)
    for latency_s, expected_s in calls:
        one.add(latency_s, expected_s)
    return one


def test_without_calls_the_policys_forecast_stands():
    assert window().adjusted(FORECAST) is FORECAST


def test_calls_that_take_what_was_expected_leave_the_latency_and_narrow_the_bound():
    near = window(*[(1.0, 1.0)] * CALLS).adjusted(FORECAST)
    assert near.latency_s == pytest.approx(2.0) and 2.0 < near.latency_high_s < 2.2


def test_a_model_twice_as_slow_as_expected_is_forecast_so_for_long_and_short_prompts_alike():
    slow = window(*[(1.0, 0.5), (8.0, 4.0)] * 50)
    n = CALLS / (CALLS + PRIOR_CALLS)
    assert slow.adjusted(FORECAST).latency_s == pytest.approx(2.0 * (1 - n) + 4.0 * n, rel=1e-9)
    assert slow.adjusted(FORECAST).latency_high_s >= slow.adjusted(FORECAST).latency_s


@pytest.mark.parametrize("unknown", [math.nan, 0.0])
def test_where_the_policy_knows_no_latency_the_quantiles_of_the_calls_stand_alone(unknown):
    calls = [(float(i), math.nan) for i in range(1, 101)]
    learned = window(*calls).adjusted(Forecast("a", 0.5, 0.1, unknown))
    assert (learned.latency_s, learned.latency_high_s) == (50.0, 95.0)


def test_old_calls_are_forgotten_and_the_window_is_bounded():
    now = [0.0]
    one = LatencyWindow(lambda: now[0])
    for _ in range(10 * CALLS):
        one.add(9.0, 1.0)
    for _ in range(CALLS):
        one.add(1.0, 1.0)
    assert one.adjusted(FORECAST) == window(*[(1.0, 1.0)] * CALLS).adjusted(FORECAST)
    now[0] = MAX_AGE_S + 1.0
    assert one.adjusted(FORECAST) is FORECAST


@given(
    st.lists(st.tuples(st.floats(0.0, 700.0), seconds, seconds | st.just(math.nan)), min_size=1, max_size=40)
)
def test_only_calls_of_the_last_minutes_count(calls):
    now = [0.0]
    one = LatencyWindow(lambda: now[0])
    for at_s, *call in sorted(calls):
        now[0] = at_s
        one.add(*call)
        one.adjusted(FORECAST)
    recent = [call for at_s, *call in calls if at_s >= now[0] - MAX_AGE_S]
    for forecast in (FORECAST, Forecast("a", 0.5, 0.1, math.nan)):
        assert one.adjusted(forecast) == window(*recent).adjusted(forecast)


def test_a_call_of_unknown_latency_tells_nothing():
    assert window((math.nan, 1.0)).adjusted(FORECAST) is FORECAST


@given(st.lists(st.tuples(seconds, seconds), min_size=1, max_size=30))
def test_the_forecast_lies_between_the_policys_and_what_calls_say(calls):
    learned = window(*calls).adjusted(FORECAST)
    ratios = [latency_s / expected_s for latency_s, expected_s in calls]
    low, high = 2.0 * min(1.0, *ratios), 2.0 * max(1.0, *ratios)
    assert low * (1 - 1e-9) <= learned.latency_s <= high * (1 + 1e-9)
    assert learned.latency_high_s >= learned.latency_s


def test_threads_may_share_it():
    one = window()

    def work():
        for _ in range(300):
            one.add(1.0, 1.0)
            one.adjusted(FORECAST)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert one.adjusted(FORECAST).latency_s == pytest.approx(2.0)


def test_a_cut_call_counts_only_where_it_was_late_already():
    expected, unknown = window(), window((1.0, math.nan), (3.0, math.nan), (5.0, math.nan))
    for one, latency_s, expected_s in ((expected, 1.9, 2.0), (unknown, 2.9, math.nan), (window(), 9.0, 0.0)):
        before = one.adjusted(FORECAST)
        one.add_cut(latency_s, expected_s)
        assert one.adjusted(FORECAST) == before, "it might have been in time"
    expected.add_cut(4.0, 2.0)
    assert expected.adjusted(FORECAST).latency_s > FORECAST.latency_s
    for _ in range(9):
        unknown.add_cut(4.0, math.nan)
    blind = Forecast("a", 0.5, 0.1, math.nan)
    assert unknown.adjusted(blind).latency_s == 4.0
