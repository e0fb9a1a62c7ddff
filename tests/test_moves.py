"""What a strategy may look at."""

import pytest
from hypothesis import given, strategies as st

from orchestrator.moves import Limits, Situation
from router_training.contract import Attempt, Forecast, Task, UsageError

CARDS = (Forecast("a", 0.5, 1.0, 1.0), Forecast("b", 0.9, 4.0, 3.0), Forecast("c", 0.9, 4.0, 9.0))


def situation(*attempts, elapsed_s=0.0, **limits):
    return Situation(Task("hi"), CARDS, attempts, Limits(**limits), elapsed_s)


def names(forecasts):
    return [forecast.model for forecast in forecasts]


def test_open_models_are_those_not_asked_that_fit_what_is_left():
    spent = Attempt("a", "x", usd=2.0)
    assert names(situation().open()) == ["a", "b", "c"]
    assert names(situation(spent).open()) == ["b", "c"]
    assert names(situation(spent, max_usd=5.9).open()) == []
    assert names(situation(spent, max_usd=6.0, deadline_s=4.0, elapsed_s=1.0).open()) == ["b"]


def test_calls_made_at_once_add_their_prices_but_not_their_waits():
    assert situation(max_usd=8.0, deadline_s=9.0).fits(CARDS[1:])
    assert not situation(max_usd=7.9).fits(CARDS[1:]) and not situation(deadline_s=8.9).fits(CARDS[1:])


def test_the_best_answer_is_the_most_confident_and_the_earliest_among_equals():
    first, second, failed = Attempt("a", "1", 0.4), Attempt("b", "2", 0.4), Attempt("c", None, error="x")
    assert situation(first, second, failed).best() is first
    assert situation(failed).best() is None
    assert situation(first, failed).failures() == "c failed: x"


@given(st.floats(0, 1))
def test_utility_weighs_success_against_price_by_the_dial(dial):
    at = situation(dial=dial)
    assert at.utility(CARDS[1]) == pytest.approx(dial * 0.9 - (1 - dial) * 1.0, rel=1e-7)
    assert at.preferred(CARDS).model in ("a", "b"), "b and c are equal, so the name decides"


def test_free_models_are_compared_by_success_alone():
    free = (Forecast("a", 0.2, 0.0, 0.0), Forecast("b", 0.3, 0.0, 0.0))
    assert Situation(Task("hi"), free).preferred(free).model == "b"


def test_without_its_failures_a_situation_forgets_the_models_but_not_the_money():
    left = situation(
        Attempt("a", None, error="x", usd=3.0), Attempt("b", "ok", usd=1.0), max_usd=8.0
    ).without_failures()
    assert (
        names(left.forecasts) == ["b", "c"] and names(left.attempts) == ["b"] and left.limits.max_usd == 5.0
    )
    assert situation().without_failures() == situation()
    broke = situation(Attempt("a", None, error="x", usd=3.0), max_usd=2.0).without_failures()
    assert broke.open() == () and broke.limits.max_usd == 0.0


@pytest.mark.parametrize(
    "bad",
    [
        {"dial": 1.5},
        {"dial": float("nan")},
        {"dial": "high"},
        {"max_usd": -1.0},
        {"max_usd": "1"},
        {"deadline_s": -1.0},
    ],
)
def test_a_limit_outside_its_range_is_refused(bad):
    with pytest.raises(UsageError, match=next(iter(bad))):
        Limits(**bad)


def test_an_unknown_latency_breaks_no_deadline_that_has_not_passed():
    unknown = (Forecast("a", 0.5, 1.0, float("nan")),)
    assert Situation(Task("hi"), unknown, limits=Limits(deadline_s=1.0)).open() == unknown
    assert Situation(Task("hi"), unknown, limits=Limits(deadline_s=1.0), elapsed_s=1.5).open() == ()
