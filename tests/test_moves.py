"""What a strategy may look at."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from orchestrator.bounds import within_limits
from orchestrator.limits import Limits
from orchestrator.moves import NOTHING_FITS, Ask, GiveUp, Situation
from router_training.contract import Attempt, Evidence, Forecast, Task, UsageError

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


def test_without_its_failures_a_situation_forgets_the_models_but_not_what_they_used_up():
    failed, answered = Attempt("a", None, error="x", usd=3.0), Attempt("b", "ok", usd=1.0)
    left = situation(failed, answered, max_usd=8.0).without_failures()
    assert names(left.attempts) == ["b"] and names(left.open()) == ["c"] and left.spent_usd() == 4.0
    assert situation(failed, answered, max_usd=7.9).without_failures().open() == ()
    assert situation(failed, answered, max_attempts=2).without_failures().open() == ()
    assert situation().without_failures() == situation()


def test_a_call_is_reckoned_with_at_its_upper_bound():
    wide = (replace(CARDS[0], usd_high=2.0, latency_high_s=5.0),)
    for limits, fits in (
        ({"max_usd": 2.0}, True),
        ({"max_usd": 1.9}, False),
        ({"deadline_s": 5.0}, True),
        ({"deadline_s": 4.9}, False),
    ):
        assert bool(Situation(Task("hi"), wide, limits=Limits(**limits)).open()) is fits


def test_what_nobody_knows_the_price_of_counts_at_its_upper_bound():
    wide = (replace(CARDS[0], usd_high=2.0), *CARDS[1:])
    cut = Attempt("a", None, error="timed out", usd=1.0, usd_estimated=True)
    assert Situation(Task("hi"), wide, (cut,)).spent_usd() == 2.0
    assert Situation(Task("hi"), wide, (replace(cut, usd_estimated=False),)).spent_usd() == 1.0
    thrice = replace(cut, usd=3.0)
    assert Situation(Task("hi"), wide, (thrice,)).spent_usd() == 3.0, "three tries may have been charged for"


def test_the_price_of_evidence_is_money_spent():
    judged = Attempt("a", "x", usd=1.0, evidence=(Evidence("judge", 0.5, "said so", usd=3.0),))
    assert situation(judged).spent_usd() == 4.0 and names(situation(judged, max_usd=7.9).open()) == []


def test_models_below_the_floor_are_asked_only_where_no_other_can_be():
    at = Situation(Task("hi"), CARDS, p_floor=0.8)
    assert names(at.open()) == ["b", "c"]
    assert names(replace(at, barred={"b": "denied", "c": "denied"}).open()) == ["a"]
    cheap = replace(at, forecasts=(*CARDS, Forecast("d", 0.6, 1.0, 1.0)), limits=Limits(max_usd=1.0))
    assert names(cheap.open()) == ["d"], "the likeliest of those that fit"


def test_a_dead_end_says_what_stands_in_the_way_of_every_model():
    failed = Attempt("a", None, error="x", usd=3.0)
    at = replace(situation(failed, max_usd=5.0), barred={"c": "denied"})
    assert at.dead_end() == (
        "a failed: x; c is left out: denied; b might bring the cost to $7, over max_usd 5"
    )
    assert "a might bring the time to 1 s, over deadline_s 0.5" in situation(deadline_s=0.5).dead_end()
    assert "b max_attempts 1 is used up" in situation(failed, max_attempts=1).dead_end()
    assert Situation(Task("hi"), ()).dead_end() == NOTHING_FITS


def test_what_a_strategy_asks_beyond_the_limits_is_not_asked():
    at = replace(situation(max_usd=5.5), barred={"c": "denied"})
    assert within_limits(Ask(("c", "b", "b", "a", "nobody")), at) == Ask(("b", "a"))
    assert within_limits(Ask(("a", "b")), situation(max_usd=4.5)) == Ask(("a",))
    assert within_limits(Ask(("c", "b")), situation(max_attempts=1)) == Ask(("c",))
    assert isinstance(within_limits(Ask(("a",)), situation(max_attempts=0)), GiveUp)
    assert within_limits(Ask(("a",), check=False), situation()) == Ask(("a",), check=False)


@pytest.mark.parametrize(
    "bad",
    [
        {"dial": 1.5},
        {"dial": float("nan")},
        {"dial": "high"},
        {"max_usd": -1.0},
        {"max_usd": "1"},
        {"deadline_s": -1.0},
        {"deadline_s": float("nan")},
        {"max_attempts": -1},
        {"max_attempts": 1.0},
        {"max_attempts": True},
        {"min_quality": 95},
        {"allow": "small"},
        {"deny": ("a", 1)},
    ],
)
def test_a_limit_outside_its_range_is_refused(bad):
    with pytest.raises(UsageError, match=next(iter(bad))):
        Limits(**bad)


def test_an_unknown_latency_breaks_no_deadline_that_has_not_passed():
    unknown = (Forecast("a", 0.5, 1.0, float("nan")),)
    assert Situation(Task("hi"), unknown, limits=Limits(deadline_s=1.0)).open() == unknown
    assert Situation(Task("hi"), unknown, limits=Limits(deadline_s=1.0), elapsed_s=1.5).open() == ()
