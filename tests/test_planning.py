"""Planning from a saved policy: prices, models more and less, without training anything."""

import json
from dataclasses import replace

import numpy as np
import pytest

from router_training.contract import DataError, ModelCard, UsageError
from router_training.learning.held_out import HeldOut
from router_training.planning import Assumed, Plan, changed, frontier, read_plan
from router_training.what_if_command import render_plans, sentence

CARDS = {"a": ModelCard("a", 1.0, 1.0), "b": ModelCard("b", 10.0, 10.0)}


def plan_of(n=400, seed=0):
    """Return a plan of two models: b is right on all, a on the half that forecasts know."""
    rng = np.random.default_rng(seed)
    easy = (np.arange(n) % 2).astype(float)
    p = np.column_stack([0.1 + 0.8 * easy, np.full(n, 0.95)])
    quality = np.column_stack([(rng.random(n) < p[:, 0]), (rng.random(n) < 0.95)]).astype(float)
    tokens = np.full((n, 2), 100.0)
    return Plan(("a", "b"), HeldOut(p, quality, tokens, tokens, tokens, tokens), CARDS, 2e-3)


def test_a_saved_policy_is_planned_with_as_it_would_choose(two_kinds_policy, tmp_path):
    two_kinds_policy.save(tmp_path / "policy")
    plan = read_plan(tmp_path / "policy")
    found = frontier(plan)
    assert (*found.constants, *found.dials) == two_kinds_policy.operating_points
    dear = {name: replace(card, usd_per_mtok_out=9.0) for name, card in two_kinds_policy.catalogue.items()}
    then = frontier(changed(plan, catalogue=dear))
    assert (*then.constants, *then.dials) == two_kinds_policy.with_catalogue(dear).operating_points


def test_twice_the_prices_of_all_cost_twice_as_much():
    plan = plan_of()
    dear = {
        name: replace(
            card, usd_per_mtok_in=2 * card.usd_per_mtok_in, usd_per_mtok_out=2 * card.usd_per_mtok_out
        )
        for name, card in CARDS.items()
    }
    before = frontier(plan)
    after = frontier(changed(replace(plan, usd_scale=2 * plan.usd_scale), catalogue=dear))
    np.testing.assert_allclose([one.usd for one in after.dials], [2 * one.usd for one in before.dials])
    assert after.lift == pytest.approx(before.lift)


def test_the_cheapest_point_reaches_its_share_of_quality_and_nothing_cheaper_does():
    found = frontier(plan_of())
    for share, point in found.cheapest.items():
        assert point.quality >= share * found.best.quality - 1e-9
        cheaper = [one for one in (*found.constants, *found.dials) if one.usd < point.usd]
        assert all(one.quality < share * found.best.quality for one in cheaper)


@pytest.mark.parametrize("points", [0.0, 0.05, -0.2])
def test_an_assumed_model_is_like_another_but_for_so_many_points(points):
    plan = plan_of()
    then = changed(plan, added=[Assumed("c", "a", points)])
    found = {one.model: one for one in frontier(then).constants}
    assert found["c"].quality == pytest.approx(found["a"].quality + points, abs=1e-6)
    assert found["c"].usd == found["a"].usd
    assert ((then.held_out.p_success >= 0.0) & (then.held_out.p_success <= 1.0)).all()


def test_a_cheaper_twin_of_the_best_model_lowers_the_cost_of_equal_quality():
    before = frontier(plan_of())
    cards = {"c": ModelCard("c", 2.0, 2.0)}
    after = frontier(changed(plan_of(), catalogue=cards, added=[Assumed("c", "b")]))
    assert after.cheapest[1.0].usd < 0.5 * before.cheapest[1.0].usd
    assert "% less" in sentence(before, after) and "with these changes" in sentence(before, after).lower()
    table = render_plans(plan_of(), before, after)
    assert table.row_count == 3 + 3


def test_a_dropped_model_is_never_chosen():
    three = changed(plan_of(), added=[Assumed("c", "a")])
    then = changed(three, dropped=["b"])
    assert then.models == ("a", "c") and then.held_out.quality.shape[1] == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("new=old", Assumed("new", "old")),
        ("new=old+0.05", Assumed("new", "old", 0.05)),
        ("new=old-.2", Assumed("new", "old", -0.2)),
        ("new=qwen-1.5b", Assumed("new", "qwen-1.5b")),
        ("new=qwen-1.5b-0.1", Assumed("new", "qwen-1.5b", -0.1)),
    ],
)
def test_what_a_new_model_is_like_is_read_from_the_end(text, expected):
    assert Assumed.parse(text) == expected


@pytest.mark.parametrize("text", ["new", "=old", "new=", "", "new=old+5"])
def test_what_says_nothing_of_a_new_model_is_refused(text):
    with pytest.raises(UsageError, match="NAME=LIKE"):
        Assumed.parse(text)


def test_unknown_taken_and_too_few_models_are_refused():
    plan = plan_of()
    with pytest.raises(UsageError, match="knows no model 'x'"):
        changed(plan, added=[Assumed("c", "x")])
    with pytest.raises(UsageError, match="already"):
        changed(plan, added=[Assumed("b", "a")])
    with pytest.raises(UsageError, match="knows no model 'x'"):
        changed(plan, dropped=["x"])
    with pytest.raises(UsageError, match="at least two models"):
        changed(plan, dropped=["a"])


def test_a_folder_without_held_out_tasks_is_a_data_error(two_kinds_policy, tmp_path):
    learned = replace(two_kinds_policy.learned, held_out=None)
    replace(two_kinds_policy, learned=learned).save(tmp_path / "policy")
    with pytest.raises(DataError, match="keeps no held-out tasks"):
        read_plan(tmp_path / "policy")
    with pytest.raises(DataError, match="holds no saved policy"):
        read_plan(tmp_path)


def test_a_frontier_is_json():
    found = json.loads(json.dumps(frontier(plan_of()).as_dict()))
    assert set(found) == {"constants", "dials", "hull", "lift", "aiq", "best", "cheapest"}
