"""Laws that every strategy keeps; a new file in strategies/ is tested here without being named."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from orchestrator import strategies
from orchestrator.moves import Accept, Ask, Check, GiveUp, Limits, Situation
from router_training.contract import Attempt, Evidence, Forecast, Forecasts, ModelCard, Task, UsageError
from router_training.learning.decision import decide

NAMES = ("a", "b", "c", "d", "e")
COMPOSED = (
    "fallback(cost_based)",
    "fallback(cascade)",
    "fallback(cascade(cost_based, threshold=0.9, steps=3))",
)
PRICES = {name: ModelCard(name, 100.0, 100.0) for name in NAMES}
EVERY = (*strategies.available(), *COMPOSED)

unit = st.floats(0, 1)
forecasts = st.lists(st.sampled_from(NAMES), unique=True, max_size=5).flatmap(
    lambda names: st.tuples(*[st.builds(Forecast, st.just(n), unit, unit, unit) for n in names])
)
limits = st.builds(Limits, unit, st.none() | st.floats(0, 3), st.none() | st.floats(0, 3))
replies = st.fixed_dictionaries(
    {name: st.tuples(st.none() | unit, st.floats(0, 2), st.floats(0, 2)) for name in NAMES}
)


def begin(forecasts, limits):
    """The situation before the first move, with a card for every model."""
    return Situation(Task("hi"), forecasts, limits=limits, cards=PRICES)


def answer(model, reply):
    """The attempt that a scripted model makes: (confidence or None for a failure, usd, seconds)."""
    confidence, usd, latency_s = reply
    if confidence is None:
        return Attempt(model, None, error="scripted", usd=usd, latency_s=latency_s)
    return Attempt(model, f"answer of {model}", confidence, usd=usd, latency_s=latency_s)


def play(strategy, situation, replies):
    """Yield (situation, move) until the strategy accepts or gives up; fail after 2n + 1 moves."""
    for _ in range(2 * len(situation.forecasts) + 1):
        move = strategy(situation)
        yield situation, move
        if isinstance(move, Accept | GiveUp):
            return
        made = (
            checked(situation, move, replies) if isinstance(move, Check) else asked(situation, move, replies)
        )
        situation = replace(situation, attempts=made[0], elapsed_s=situation.elapsed_s + made[1])
    pytest.fail("the strategy did not stop within 2n + 1 moves")


def asked(situation, move, replies):
    """The attempts after an Ask, and the seconds it took; a late model loses to its stand-in."""
    made = [answer(model, replies[model]) for model in move.models]
    if move.hedge and (made[0].text is None or made[0].latency_s > move.after_s):
        made += [replace(answer(model, replies[model]), delay_s=move.after_s) for model in move.hedge]
    sources = tuple(source.model for source in move.sources)
    made = [replace(attempt, sources=sources) for attempt in made]
    return (*situation.attempts, *made), max(attempt.delay_s + attempt.latency_s for attempt in made)


def checked(situation, move, replies):
    """The attempts after a Check: what the checker would be confident of is what it says."""
    reply = answer(move.by, replies[move.by])
    found = Evidence("check", reply.confidence, "scripted", reply.usd, reply.latency_s, move.by)
    new = replace(move.attempt, evidence=(*move.attempt.evidence, found), confidence=reply.confidence or 0.0)
    return tuple(new if one is move.attempt else one for one in situation.attempts), reply.latency_s


def calls_of(situation, move):
    """The forecasts of all calls that a move may start, stand-ins, sources and checks at their own price."""
    if isinstance(move, Check):
        return [f for f in situation.checkers(move.attempt) if f.model == move.by]
    models = (*move.models, *move.hedge)
    return [
        situation.reading(f, *move.sources) if move.sources else f
        for f in situation.forecasts
        if f.model in models
    ]


@pytest.mark.parametrize("name", EVERY)
@given(forecasts=forecasts, replies=replies, limits=limits)
def test_a_strategy_is_pure_stops_and_never_asks_twice(name, forecasts, replies, limits):
    strategy = strategies.load(name)
    for situation, move in play(strategy, begin(forecasts, limits), replies):
        assert move == strategy(situation) == strategies.load(name)(situation)
        if isinstance(move, Ask):
            models = (*move.models, *move.hedge)
            known = {
                attempt.model for attempt in situation.attempts if bool(attempt.sources) == bool(move.sources)
            }
            assert move.models and len(set(models)) == len(models)
            assert not known & set(models) and set(models) <= {f.model for f in forecasts}
            assert set(move.sources) <= set(situation.answered())
        if isinstance(move, Check):
            barred = {move.attempt.model, *(one.model for one in move.attempt.evidence)}
            assert move.attempt in situation.answered() and move.by not in barred
            assert move.by in {f.model for f in forecasts}


@pytest.mark.parametrize("name", EVERY)
@given(forecasts=forecasts, replies=replies, limits=limits)
def test_only_real_answers_are_accepted_and_giving_up_needs_a_failure(name, forecasts, replies, limits):
    for situation, move in play(strategies.load(name), begin(forecasts, limits), replies):
        if isinstance(move, Accept):
            assert move.attempt in situation.attempts and move.attempt.text is not None
        if isinstance(move, GiveUp):
            assert move.reason and not situation.answered()
            assert situation.attempts or not situation.open()


@pytest.mark.parametrize("name", EVERY)
@given(forecasts=forecasts, replies=replies, limits=limits)
def test_no_call_is_made_that_is_forecast_to_break_a_limit(name, forecasts, replies, limits):
    for situation, move in play(strategies.load(name), begin(forecasts, limits), replies):
        if isinstance(move, Ask | Check):
            calls = calls_of(situation, move)
            usd = situation.spent_usd() + sum(f.usd for f in calls)
            assert calls and (limits.max_usd is None or usd <= limits.max_usd + 1e-9)
            hedge = move.hedge if isinstance(move, Ask) else ()
            waits = [f.latency_s + move.after_s if f.model in hedge else f.latency_s for f in calls]
            assert limits.deadline_s is None or situation.elapsed_s + max(waits) <= limits.deadline_s + 1e-9


@pytest.mark.parametrize("name", [name for name in EVERY if name != "fallback"])
@given(forecasts=forecasts, replies=replies, limits=limits, data=st.data())
def test_catalogue_order_changes_nothing_before_a_failure(name, forecasts, replies, limits, data):
    mixed = tuple(data.draw(st.permutations(forecasts)))
    strategy = strategies.load(name)
    situation = begin(forecasts, limits)
    there = list(play(strategy, situation, replies))
    back = list(play(strategy, replace(situation, forecasts=mixed), replies))
    assert [move for _, move in there] == [move for _, move in back]


@given(forecasts=forecasts.filter(len), dials=st.tuples(unit, unit))
def test_a_higher_dial_never_picks_a_model_less_likely_to_succeed(forecasts, dials):
    chance = {f.model: f.p_success for f in forecasts}
    picks = [
        strategies.load("cost_based")(Situation(Task("hi"), forecasts, limits=Limits(dial)))
        for dial in sorted(dials)
    ]
    assert chance[picks[0].models[0]] <= chance[picks[1].models[0]] + 1e-9


@given(forecasts=forecasts.filter(len), dial=unit, usd_scale=st.floats(1e-6, 2))
def test_cost_based_asks_what_the_policy_would_choose(forecasts, dial, usd_scale):
    rows = [np.array([[getattr(f, name) for f in forecasts]]) for name in ("p_success", "usd", "latency_s")]
    arrays = Forecasts(tuple(f.model for f in forecasts), *rows, np.zeros(1))
    situation = Situation(Task("hi"), forecasts, limits=Limits(dial), usd_scale=usd_scale)
    chosen = arrays.models[decide(arrays, dial, usd_scale)[0]]
    assert strategies.load("cost_based")(situation).models == (chosen,)


CARDS = (
    Forecast("small", 0.5, 0.1, 1.0),
    Forecast("middle", 0.7, 0.2, 2.0),
    Forecast("large", 0.9, 1.0, 4.0),
)


def situation(*attempts, **limits):
    return Situation(Task("hi"), CARDS, attempts, Limits(**limits))


def test_cost_based_follows_the_dial_and_breaks_ties_by_price_then_name():
    choose = strategies.load("cost_based")
    assert choose(situation(dial=1.0)).models == ("large",)
    assert choose(situation(dial=0.0)).models == ("small",)
    twins = (Forecast("z", 0.5, 0.0, 1.0), Forecast("y", 0.5, 0.0, 1.0), Forecast("x", 0.5, 1.0, 1.0))
    assert choose(Situation(Task("hi"), twins, limits=Limits(1.0))).models == ("y",)


def test_cascade_accepts_a_confident_answer_and_climbs_from_a_doubtful_one():
    cascade = strategies.load("cascade", threshold=0.7)
    sure, unsure = Attempt("middle", "4", 0.8), Attempt("middle", "4", 0.1)
    assert cascade(situation(sure)) == Accept(sure)
    assert cascade(situation(unsure, dial=0.9)) == Ask(("large",))
    assert cascade(situation(unsure, dial=0.1)) == Accept(unsure), "the price is not worth it at this dial"


def test_cascade_never_climbs_to_a_model_no_better_than_the_answer_in_hand():
    held = Attempt("large", "4", 0.69)
    assert strategies.load("cascade")(situation(held, dial=0.8)) == Accept(held)
    assert strategies.load("cascade")(Situation(Task("hi"), CARDS[:1], (held,), Limits(1.0))) == Accept(held)


def test_cascade_asks_the_strongest_after_two_steps():
    ladder = (*CARDS, Forecast("largest", 0.95, 2.0, 9.0))
    doubtful = (Attempt("small", "?", 0.1), Attempt("middle", "?", 0.1))
    move = strategies.load("cascade")(Situation(Task("hi"), ladder, doubtful, Limits(0.9), usd_scale=1.0))
    assert move == Ask(("largest",))


def test_a_failure_belongs_to_fallback_not_to_cascade():
    failed = Attempt("large", None, error="timed out")
    assert strategies.load("cascade")(situation(failed)) == GiveUp("large failed: timed out")
    assert strategies.load("fallback(cascade)")(situation(failed)) == Ask(("middle",))
    assert strategies.load("fallback")(situation(failed)) == Ask(("small",), check=False)


def test_fallback_keeps_what_a_failure_cost_on_the_bill():
    failed = Attempt("small", None, error="timed out", usd=0.9)
    assert isinstance(strategies.load("fallback(cost_based)")(situation(failed, max_usd=1.0)), GiveUp)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("nope", "unknown strategy 'nope'; choose one of .*cascade"),
        ("cascade(", "cannot be read"),
        ("cascade(cost_based, fallback)", "cannot be read"),
        ("cascade(threshold=open)", "cannot be read"),
        ("cascade(threshold={[]: 1})", "cannot be read"),
        ("cascade(**{'steps': 1})", "cannot be read"),
        ("cascade(inner=5)", "cannot be read"),
        ("cascade(threshold='high')", "threshold is 'high'"),
        ("cascade(steps=1.5)", "steps is 1.5"),
        ("cascade(heat=3)", "no option 'heat'; it has inner, threshold, steps"),
        ("cascade(threshold=7)", r"threshold is 7; a confidence lies in \[0, 1\]"),
        ("cascade(steps=0)", "at least 1 step"),
    ],
)
def test_a_bad_description_says_what_would_do(text, rule):
    with pytest.raises(UsageError, match=rule):
        strategies.load(text)
