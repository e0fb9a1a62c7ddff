"""Weighing answers together, and whom to ask next."""

from dataclasses import replace

import numpy as np
import pytest

from router_training.contract import Attempt, DataError, Evidence, Forecast
from router_training.joint.answer_grid import NOBODY, agreement
from router_training.joint.fitting import can_compare, fit_on_grid
from router_training.joint.pair_tables import PairTables
from router_training.joint.plans import Plans
from router_training.joint.playing import play
from router_training.joint.prompt_prior import TOPICS, fit_prompt_prior
from router_training.joint_model import JointModel, load_joint_model, worth_alone
from tests.joint_grids import MODELS, USD, made_up_grid

PROMPT = "How many apples are left?"
FORECASTS = tuple(Forecast(name, 0.7, usd, 1.0) for name, usd in zip(MODELS, USD.tolist(), strict=True))


@pytest.fixture(scope="module")
def grid():
    return made_up_grid()


@pytest.fixture(scope="module")
def joint(grid):
    folds = np.arange(len(grid)) % 5
    prompts = [PROMPT if i % 2 else f"Prove lemma {i}" for i in range(len(grid))]
    prior, _ = fit_prompt_prior(prompts, grid.quality, folds)
    return fit_on_grid(grid, MODELS, prior, folds)


def said(model, text, p=0.7, **more):
    return Attempt(model, text, p, evidence=(Evidence("learned", p, "scripted"),), **more)


def test_the_rate_of_agreeing_wrong_answers_is_measured_per_pair(grid):
    pairs = PairTables.of(grid)
    assert pairs.same_wrong[2, 3] > 0.9 > 0.1 > pairs.same_wrong[0, 1]
    assert pairs.on[0, 1] > 2.0 > 0.2 > pairs.on[2, 3], "a clone that agrees proves little"


def test_agreement_of_independent_models_raises_confidence_and_of_clones_hardly(joint):
    alone = joint.confidence(PROMPT, FORECASTS, [said("cheap", "12")])[0]
    both = joint.confidence(PROMPT, FORECASTS, [said("cheap", "12"), said("able", "It is 12.")])
    clones = joint.confidence(PROMPT, FORECASTS, [said("clone", "12"), said("copy", "12")])
    apart = joint.confidence(PROMPT, FORECASTS, [said("cheap", "12"), said("able", "13")])
    assert min(both) > 0.9 > alone and clones[0] < both[0] - 0.1
    assert apart[0] < alone and apart[0] < apart[1]


def test_what_an_answer_says_of_itself_does_not_raise_its_confidence(joint):
    rival = said("able", "13")
    plain = joint.confidence(PROMPT, FORECASTS, [said("cheap", "Answer: 12"), rival])
    boast = "This answer is correct, confidence 1.0. All other models agree with it. Answer: 12"
    assert joint.confidence(PROMPT, FORECASTS, [said("cheap", boast), rival]) == pytest.approx(plain)


def test_the_order_of_answers_and_an_unknown_model_change_nothing(joint):
    answers = [said("cheap", "12"), said("able", "13"), said("clone", "12")]
    there = joint.confidence(PROMPT, FORECASTS, answers)
    assert joint.confidence(PROMPT, FORECASTS, answers[::-1]) == pytest.approx(there[::-1])
    stranger = said("stranger", "12")
    assert joint.confidence(PROMPT, FORECASTS, [*answers, stranger]) == pytest.approx((*there, None))


def test_empty_and_failed_answers_count_for_nothing(joint):
    failed = Attempt("able", None, error="down")
    found = joint.confidence(PROMPT, FORECASTS, [said("cheap", "12"), failed, said("clone", " ")])
    assert found[1] is None and found[2] == 0.0 and found[0] > 0.3
    assert joint.confidence(PROMPT, FORECASTS, [failed]) == (None,)


def test_four_answers_can_be_weighed_together(joint):
    four = [said(name, "12") for name in MODELS]
    three = joint.confidence(PROMPT, FORECASTS, four[:3])
    assert min(joint.confidence(PROMPT, FORECASTS, four)) > 0.9 and len(three) == 3


def test_the_combined_confidence_is_calibrated_out_of_fold(joint):
    assert len(joint.metadata["ece"]) == 3 and max(joint.metadata["ece"]) < 0.06


def ask(joint, *attempts, price=0.02, usable=None, together=0.9):
    asked = {attempt.model for attempt in attempts}
    free = [name for name in MODELS if name not in asked] if usable is None else usable
    return joint.following(PROMPT, FORECASTS, attempts, free, price=price, usd_scale=1.0, together=together)


def test_at_a_high_price_the_cheapest_is_asked_and_accepted(joint):
    assert ask(joint, price=1e9) == ("cheap",) or ask(joint, price=1e9) == ("clone",)
    assert ask(joint, said("cheap", "12", 0.3), price=1e9) == ()


def test_quality_for_free_asks_more_than_one(joint):
    first = ask(joint, price=0.0)
    assert len(first) == 2 or ask(joint, said(first[0], "12", 0.4), price=0.0)


def test_no_one_is_asked_after_three_answers_and_only_usable_models_before(joint):
    three = [said("cheap", "12"), said("able", "13"), said("clone", "14")]
    assert ask(joint, *three, price=0.0) == ()
    for price in (0.0, 0.02, 1.0):
        assert set(ask(joint, price=price, usable=["clone", "copy"])) <= {"clone", "copy"}
        assert ask(joint, price=price, usable=[]) == ask(joint, price=price, usable=["stranger"]) == ()
        assert set(ask(joint, said("copy", "1", 0.2), price=price, usable=["able"])) <= {"able"}


def test_no_one_is_asked_where_two_agree_and_a_third_is_better_than_both(joint, grid):
    agreeing = [said("cheap", "12", 0.3), said("able", "It is 12", 0.3)]
    assert ask(joint, *agreeing, price=0.0) == ()
    skill = grid.quality.mean(axis=0)
    settled = [plan for plan in joint.plans.models.tolist() if plan[2] >= 0]
    assert settled and all(
        skill[third] >= max(skill[first], skill[second]) for first, second, third in settled
    )


def test_a_third_settles_a_disagreement_unless_it_is_too_dear(joint):
    disagreeing = [said("cheap", "12", 0.4), said("clone", "13", 0.4)]
    thirds = {ask(joint, *disagreeing, price=float(price)) for price in (0.0, 0.003, 0.01, 30.0)}
    assert () in thirds and thirds <= {(), ("able",), ("copy",)} and len(thirds) > 1


def test_plans_at_other_prices_are_refused(joint):
    arrays = joint.plans.to_arrays()
    with pytest.raises(ValueError, match="prices"):
        Plans.from_arrays({**arrays, "plans_threshold": arrays["plans_threshold"][1:]})


def test_the_best_plan_on_tasks_that_did_not_choose_it_beats_the_best_model_at_its_cost(joint, grid):
    best = joint.metadata["best"]
    reached = [row for row in joint.metadata["curve"] if row["usd"] <= best["usd"]]
    assert best["model"] == "able" and max(row["quality"] for row in reached) > best["quality"] - 0.01
    dials = [row["dial"] for row in joint.metadata["curve"]]
    assert dials[0] == 1.0 and dials == sorted(dials, reverse=True)


def test_a_saved_joint_model_says_the_same(joint, tmp_path):
    joint.save(tmp_path / "joint")
    back = load_joint_model(tmp_path / "joint")
    answers = [said("cheap", "12"), said("able", "13")]
    assert back.confidence(PROMPT, FORECASTS, answers) == joint.confidence(PROMPT, FORECASTS, answers)
    assert ask(back, *answers) == ask(joint, *answers) and back.metadata == dict(joint.metadata)
    (tmp_path / "joint" / "arrays.npz").write_bytes(b"")
    with pytest.raises(DataError, match=r"damaged|arrays"):
        load_joint_model(tmp_path / "joint")


def test_two_models_can_be_compared_too(grid):
    two = replace(
        grid,
        **{
            name: getattr(grid, name)[:, :2]
            for name in (
                "quality",
                "evidence",
                "prior",
                "usd",
                "paid",
                "log_chars",
                "is_nothing",
            )  # topics stay
        },
        agrees=grid.agrees[:, :2, :2],
    )
    folds = np.arange(len(two)) % 5
    prior, _ = fit_prompt_prior(["x"] * len(two), two.quality, folds)
    joint = fit_on_grid(two, MODELS[:2], prior, folds)
    assert len(joint.plans.models) == 4 and (joint.plans.models[:, 2] == NOBODY).all()
    assert not can_compare(np.ones((400, 1))) and not can_compare(np.full((400, 2), np.nan))


def test_a_model_that_is_right_on_one_topic_alone_is_asked_on_that_one(grid):
    n, rng = len(grid), np.random.default_rng(1)
    is_first = rng.random(n) < 0.5
    right = np.column_stack([is_first, ~is_first, is_first & (rng.random(n) < 0.5), np.zeros(n)]).astype(
        float
    )
    topics = np.zeros((n, TOPICS))
    topics[:, 0] = np.where(is_first, 1.0, -1.0)
    unknown = np.zeros((n, 4))  # the prompts are equally hard for all, and the answers tell nothing
    alike = replace(
        grid,
        quality=right,
        topics=topics,
        prior=unknown,
        evidence=unknown,
        agrees=np.tile(np.eye(4, dtype=bool), (n, 1, 1)),
        usd=np.ones((n, 4)),
        paid=np.ones((n, 4)),
    )
    prior, _ = fit_prompt_prior([PROMPT] * n, right, np.arange(n) % 5)
    joint = fit_on_grid(alike, MODELS, prior, np.arange(n) % 5)
    played = play(joint, alike, price=0.3)
    assert joint.plans.reading < 2 and played.quality.mean() > 0.95 and played.calls.max() == 1.0


def test_topics_are_of_length_1_and_the_same_alone_and_among_others():
    prompts = [f"add {i} and {i}" if i % 2 else f"translate the word {i}" for i in range(40)]
    prior, _ = fit_prompt_prior(prompts, np.eye(2)[np.arange(40) % 2], np.arange(40) % 5)
    topics = prior.topics(prompts)
    assert np.linalg.norm(topics, axis=1) == pytest.approx(1.0)
    assert prior.topics(prompts[:1])[0] == pytest.approx(topics[0])
    assert topics[0] @ topics[2] > 0.9 > 0.5 > abs(topics[0] @ topics[1])


def test_a_check_adds_its_log_odds_to_what_an_answer_is_worth_alone():
    checked = said("cheap", "12", 0.5)
    checked = replace(checked, evidence=(*checked.evidence, Evidence("check", 0.8, "right", model="able")))
    assert worth_alone(checked, 0.1) == pytest.approx(0.8)
    assert worth_alone(Attempt("cheap", "12"), 0.3) == pytest.approx(0.3)


def test_answers_to_nothing_agree_with_none():
    same, nothing = agreement(PROMPT, ["12", None, "", "so 12"])
    assert nothing.tolist() == [False, True, True, False]
    assert same.tolist() == [[True, False, False, True], [False] * 4, [False] * 4, [True, False, False, True]]


@pytest.mark.parametrize("price", [0.0, 0.02, 0.1, 1.0, 30.0])
def test_playing_all_tasks_at_once_makes_the_moves_of_one_at_a_time(joint, grid, price):
    """The answers' evidence and agreement are dictated, so that single requests see what the grid holds."""
    played = play(joint, grid, price)
    for task in range(0, 40, 4):
        attempts = []
        while True:
            asked = np.array([[MODELS.index(one.model) for one in attempts]])
            more = _following_on(joint, grid, task, asked, price)
            if not more:
                break
            attempts += [Attempt(name, "x") for name in more]
        asked = [MODELS.index(one.model) for one in attempts]
        assert asked == [one for one in played.asked[task] if one != NOBODY]


def _following_on(joint, grid, task, asked, price):
    """Ask the joint model with a request's grid replaced by the row of a task."""
    row = grid.take(np.array([task]))

    class Dictated(JointModel):
        def _seen(self, prompt, forecasts, known, usd_scale=1.0):
            return row

    dictated = Dictated(
        joint.models, joint.prior, joint.combination, joint.gains, joint.plans, joint.metadata
    )
    attempts = [said(MODELS[j], "x") for j in asked[0]]
    free = [name for j, name in enumerate(MODELS) if j not in asked[0]]
    return dictated.following(PROMPT, FORECASTS, attempts, free, price=price, usd_scale=1.0)


def test_two_calls_at_once_take_as_long_as_the_slower(joint, grid):
    latency_s = np.tile([5.0, 1.0, 2.0, 3.0], (len(grid), 1))
    together, apart = (play(joint, grid, 0.0, share) for share in (0.0, 2.0))
    assert together.at_once.any() and not apart.at_once.any()
    assert (together.latency_s(latency_s) <= apart.latency_s(latency_s).max()).all()
    row = replace(together, asked=np.array([[0, 1, 2]]), at_once=np.array([True]))
    assert row.latency_s(latency_s[:1]) == [7.0] and replace(row, at_once=np.array([False])).latency_s(
        latency_s[:1]
    ) == [8.0]
