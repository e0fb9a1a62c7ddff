"""Laws that every strategy keeps; a new file in strategies/ is tested here without being named."""

import tomllib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from orchestrator import strategies
from orchestrator.limits import Limits
from orchestrator.moves import Accept, Ask, Check, GiveUp, Situation
from router_training.contract import Attempt, Evidence, Forecast, Forecasts, ModelCard, Task, UsageError
from router_training.learning.decision import decide

NAMES = ("a", "b", "c", "d", "e")
COMPOSED = (
    "fallback(cost_based)",
    "fallback(cascade)",
    "fallback(cascade(cost_based, threshold=0.9, steps=3))",
    "fallback(cascade(task_based, threshold=None))",
    "fallback(ensemble(merge='synthesis'))",
    "ensemble(n=2, merge='confidence')",
    "fallback(self_verification(cost_based))",
    "self_verification(by_answering=True)",
    "fallback(latency_aware(deadline_s=1.5))",
    "self_verification(latency_aware)",
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
    text = f"answer of {model}" if latency_s > 1.0 else "an answer that others gave too"
    return Attempt(model, text, confidence, usd=usd, latency_s=latency_s)


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


def test_a_table_as_toml_gives_it_builds_the_same_strategy_as_the_text():
    table = tomllib.loads(
        '[strategy]\nname = "fallback"\n[strategy.inner]\nname = "cascade"\nthreshold = 0.6\ninner = "cost_based"\n'
    )["strategy"]
    assert strategies.load(table) == strategies.load("fallback(cascade(cost_based, threshold=0.6))")
    assert strategies.load({"name": "cascade"}, threshold=0.6) == strategies.load("cascade", threshold=0.6)
    for bad in ({}, {"name": 5}, {"name": "fallback", "inner": 5}):
        with pytest.raises(UsageError, match="cannot be read"):
            strategies.load(bad)


def test_every_strategy_introduces_itself_in_one_line():
    for name in strategies.available():
        assert 20 < len(strategies.summary(name)) < 120 and strategies.summary(name).endswith(".")


def typed(task_type, pointed_to=None, **limits):
    return Situation(Task("hi", task_type=task_type), CARDS, limits=Limits(**limits), pointed_to=pointed_to)


def test_task_based_goes_by_its_table_then_by_the_situation_then_by_default():
    table = strategies.load("task_based(routes={'poem': 'large'}, otherwise='small')")
    assert table(typed("poem", "middle")) == Ask(("large",), check=False)
    assert table(typed("sum", "middle")).models == ("middle",)
    assert table(typed("sum")).models == table(typed(None)).models == ("small",)
    assert strategies.load("task_based")(typed("sum", dial=1.0)).models == ("large",)
    assert table(typed("poem", max_usd=0.5)).models == ("small",), "the routed model is too dear"
    with pytest.raises(UsageError, match="routes to 'vast', which is no model here"):
        strategies.load("task_based(otherwise='vast')")(typed("sum"))


TIMED = (
    Forecast("fast", 0.5, 0.1, 1.0, latency_high_s=1.5),
    Forecast("able", 0.8, 0.2, 3.0, latency_high_s=4.0),
    Forecast("best", 0.9, 0.4, 6.0, latency_high_s=9.0),
)


def timed(deadline_s=None, forecasts=TIMED):
    return Situation(Task("hi"), forecasts, limits=Limits(deadline_s=deadline_s))


def test_latency_aware_asks_the_likeliest_in_time_and_hedges_while_that_can_help():
    ask = strategies.load("latency_aware")
    assert ask(timed(12.0)) == Ask(("best",), check=False, hedge=("able",), after_s=8.0)
    assert ask(timed(5.0)) == Ask(("able",), check=False, hedge=("fast",), after_s=3.5)
    assert ask(timed(4.2)) == Ask(("able",), check=False), "a stand-in would be too late"
    assert ask(timed()) == Ask(("best",), check=False, hedge=("able",), after_s=9.0)
    assert strategies.load("latency_aware", hedge=False)(timed(12.0)) == Ask(("best",), check=False)


def test_latency_aware_takes_the_fastest_where_its_own_deadline_cannot_be_met():
    assert strategies.load("latency_aware", deadline_s=0.5)(timed()).models == ("fast",)
    unknown = (Forecast("x", 0.5, 0.1, float("nan")), Forecast("y", 0.4, 0.1, 1.0))
    assert strategies.load("latency_aware")(timed(2.0, unknown)) == Ask(("x",), check=False)


def said(model, text, confidence=0.5, **more):
    return Attempt(model, text, confidence, **more)


def test_an_ensemble_votes_by_what_answers_come_to():
    three = (said("small", "It is 42.", 0.3), said("middle", "41", 0.9), said("large", "42", 0.4))
    at = replace(situation(*three), task=Task("How many is 6 x 7?"))
    assert strategies.load("ensemble")(at) == Accept(three[2]), "two agree; the surer of them speaks"
    assert strategies.load("ensemble", merge="confidence")(at) == Accept(three[1])
    split = (said("small", "40", 0.3), said("middle", "41", 0.9))
    assert strategies.load("ensemble")(replace(at, attempts=split)) == Accept(split[1])


def test_a_synthesis_is_written_by_the_likeliest_unless_all_agree():
    synthesis = strategies.load("ensemble(merge='synthesis')")
    same = (said("small", "42"), said("middle", "42."))
    assert synthesis(situation(*same)) == Accept(same[0])
    split = (said("small", "41"), said("middle", "42"))
    assert synthesis(situation(*split)) == Ask(("large",), check=False, sources=split)
    written = said("large", "42!", sources=("small", "middle"))
    assert synthesis(situation(*split, written)) == Accept(written)
    failed = replace(written, text=None, error="down")
    assert synthesis(situation(*split, failed)) == Accept(split[0])


def test_an_ensemble_asks_as_many_as_the_budget_allows():
    assert strategies.load("ensemble")(situation(dial=0.5)).models == ("middle", "small", "large")
    assert strategies.load("ensemble")(situation(dial=0.5, max_usd=0.35)).models == ("middle", "small")


def test_self_verification_has_the_answer_checked_and_escalates_once():
    verify = strategies.load("self_verification")
    first = said("middle", "42", 0.8)
    assert verify(situation(first)) == Check(first, "large")
    right = replace(first, confidence=0.95, evidence=(Evidence("check", 0.9, "right", model="large"),))
    wrong = replace(first, confidence=0.3, evidence=(Evidence("check", 0.1, "wrong", model="small"),))
    assert verify(situation(right)) == Accept(right)
    assert verify(situation(wrong)) == Ask(("large",))
    assert verify(situation(wrong, said("large", "43", 0.6))).attempt.model == "large"
    assert verify(situation(first, max_usd=0.05)) == Accept(first), "no check fits the budget"


def test_self_verification_by_answering_accepts_what_two_models_say():
    verify = strategies.load("self_verification", by_answering=True)
    first = said("middle", "42", 0.8)
    assert verify(situation(first, dial=0.5)) == Ask(("small",))
    assert verify(situation(first, said("small", "42", 0.6))) == Accept(first)
    assert verify(situation(first, said("small", "41", 0.6))) == Ask(("large",))
    last = said("large", "40", 0.9)
    assert verify(situation(first, said("small", "41", 0.6), last)) == Accept(last)
    sure = replace(first, confidence=0.95)
    assert verify(situation(sure, said("small", "41", 0.6))) == Accept(sure), "no model is likelier than that"


def test_a_cascade_without_a_threshold_climbs_whenever_that_is_worth_its_price():
    sure = said("middle", "42", 0.8)
    assert strategies.load("cascade")(situation(sure, dial=0.99)) == Accept(sure)
    assert strategies.load("cascade", threshold=None)(situation(sure, dial=0.99)) == Ask(("large",))


class Advice:
    """A joint model that advises the same at every step, as far as that is usable, and remembers what it was asked."""

    models = NAMES

    def __init__(self, *advice):
        self.advice, self.prices, self.together = advice, [], []

    def following(self, prompt, forecasts, attempts, usable, *, price, usd_scale, together):
        self.prices.append(price)
        self.together.append(together)
        free = tuple(model for model in self.advice if model in usable)
        return free if together < 0.5 else free[:1]


@given(forecasts=forecasts, replies=replies, limits=limits)
def test_joint_keeps_the_laws_whatever_the_joint_model_advises(forecasts, replies, limits):
    for advice in (("a", "b"), ("e",), NAMES, ()):
        situation = replace(begin(forecasts, limits), joint=Advice(*advice))
        asked = []
        for at, move in play(strategies.load("joint"), situation, replies):
            if isinstance(move, Ask):
                asked += move.models
                assert at.fits([f for f in forecasts if f.model in move.models])
            if isinstance(move, GiveUp):
                assert not at.answered() and (at.attempts or not at.open())
        assert len(asked) == len(set(asked)) <= 3


def test_joint_asks_whom_the_joint_model_names_at_the_price_of_the_dial():
    advice = Advice("small", "middle")
    known = replace(situation(dial=0.8), joint=replace_models(advice))
    assert strategies.load("joint")(known) == Ask(("small",))
    assert advice.prices == [pytest.approx(0.25)] * 2
    answered = replace(known, attempts=(Attempt("small", "4", 0.3),))
    assert strategies.load("joint")(answered) == Ask(("middle",))
    done = replace(known, attempts=(Attempt("small", "4", 0.9), Attempt("middle", "5", 0.4)))
    assert strategies.load("joint")(done) == Accept(done.attempts[0])
    assert strategies.load("joint")(replace(known, limits=Limits(0.0))).models and advice.prices[-1] > 1e6


def replace_models(advice):
    advice.models = ("small", "middle", "large")
    return advice


def test_joint_asks_two_at_once_where_the_deadline_leaves_no_time_for_one_after_the_other():
    advice = replace_models(Advice("small", "middle"))
    for deadline_s, models in ((9.0, ("small",)), (2.5, ("small", "middle")), (1.5, ("small",))):
        known = replace(situation(deadline_s=deadline_s), joint=advice)
        assert strategies.load("joint")(known) == Ask(models)


def test_joint_makes_three_calls_at_most_and_leaves_failures_to_a_fallback():
    advice = Advice(*NAMES)
    four = tuple(Forecast(name, 0.5, 0.1, 1.0) for name in NAMES)
    three = tuple(Attempt(name, "4", 0.2) for name in NAMES[:3])
    assert strategies.load("joint")(Situation(Task("hi"), four, three, joint=advice)) == Accept(three[0])
    failed = Attempt("a", None, error="down")
    assert strategies.load("joint")(Situation(Task("hi"), four, (failed,), joint=advice)) == GiveUp(
        "a failed: down"
    )
    assert strategies.load("fallback(joint)")(Situation(Task("hi"), four, (failed,), joint=advice)) == Ask(
        ("b",)
    )


def test_joint_climbs_by_forecasts_where_nothing_was_learnt():
    joint = strategies.load("joint")
    assert joint(situation(dial=0.5)).models == ("middle",)
    assert joint(situation(said("middle", "42", 0.1), dial=0.9)) == Ask(("large",))
    assert joint(situation(said("middle", "42", 0.8), dial=0.5)).attempt.model == "middle"
    strangers = replace(situation(dial=0.5), joint=Advice("a"))
    assert joint(strangers).models == ("middle",)
