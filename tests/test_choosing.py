from dataclasses import replace

import pytest

from router_training.contract import ModelCard, UsageError
from router_training.learning.choosing import Aim
from router_training.policy import load_policy

CARDS = {"large": ModelCard("large", 10.0, 10.0), "small": ModelCard("small", 1.0, 1.0)}
SUM, POEM = "What is 441 plus 38?", "Write poem number 77 about bees in 200 words."


@pytest.fixture(scope="module")
def policy(two_kinds_policy):
    return two_kinds_policy.with_catalogue(CARDS)


def test_a_share_of_the_best_models_quality_is_had_as_cheaply_as_possible(policy):
    points = {share: policy.operating_point(min_quality=share) for share in (0.4, 0.8, 0.95)}
    best = max(point.quality for point in policy.operating_points if point.model is not None)
    for share, point in points.items():
        assert point.quality >= share * best - 1e-9
        assert point.usd == min(p.usd for p in policy.operating_points if p.quality >= share * best - 1e-9)
    assert policy.choose([SUM, POEM], min_quality=0.4) == ["small", "small"]
    assert policy.choose([SUM, POEM], min_quality=0.9) == ["small", "large"]


def test_money_per_task_buys_as_much_quality_as_it_can(policy):
    cheapest = min(point.usd for point in policy.operating_points)
    assert policy.choose([SUM, POEM], max_usd=cheapest) == ["small", "small"]
    assert policy.choose([SUM, POEM], max_usd=1.0)[1] == "large"
    spent = policy.operating_point(max_usd=3 * cheapest)
    assert spent.usd <= 3 * cheapest
    assert spent.quality == max(p.quality for p in policy.operating_points if p.usd <= 3 * cheapest)


def test_a_cap_per_task_takes_the_likeliest_success_it_can_pay(policy):
    known = policy.forecast([SUM, POEM])
    assert policy.choose([SUM, POEM], max_usd_per_task=float(known.usd[0, 0])) == ["large", "small"]
    with pytest.raises(UsageError, match=r"max_usd_per_task is 1e-09, but prompt 0 is forecast to cost"):
        policy.choose([SUM, POEM], max_usd_per_task=1e-9)


@pytest.mark.parametrize(
    "aim", [{"dial": 0.7}, {"min_quality": 0.9}, {"max_usd": 0.0003}, {"max_usd_per_task": 0.001}]
)
def test_a_batch_is_chosen_as_its_prompts_alone(policy, aim):
    prompts = [SUM, POEM, "prove it", "What is 2 plus 2? " * 20]
    assert policy.choose(prompts, **aim) == [policy.choose([prompt], **aim)[0] for prompt in prompts]


@pytest.mark.parametrize("aim", [{"min_quality": 0.9}, {"max_usd": 0.0003}])
def test_a_new_price_moves_the_aim_at_once_and_without_training(policy, tmp_path, aim):
    policy.save(tmp_path)
    turned = {"large": ModelCard("large", 0.5, 0.5), "small": ModelCard("small", 5.0, 5.0)}
    assert policy.choose([SUM], **aim) == ["small"]
    assert load_policy(tmp_path, turned).choose([SUM], **aim) == ["large"]


def test_a_saved_policy_aims_as_it_did_before(policy, tmp_path):
    policy.save(tmp_path)
    assert load_policy(tmp_path).operating_points == policy.operating_points


@pytest.mark.parametrize(
    ("aim", "message"),
    [
        ({"dial": 0.5, "min_quality": 0.9}, "dial and min_quality are given, but a choice has one aim"),
        ({"max_usd": 1, "max_usd_per_task": 1}, "max_usd and max_usd_per_task are given"),
        ({"min_quality": 0.0}, "min_quality is 0.0, but must be above 0"),
        ({"min_quality": float("nan")}, "min_quality is nan, but must be above 0"),
        ({"min_quality": 3}, "min_quality is 3, but on held-out tasks the router reaches at most"),
        ({"max_usd": 1e-9}, "max_usd is 1e-09, but the cheapest way to answer costs"),
        ({"max_usd": float("nan")}, "max_usd is nan, but must be an amount"),
        ({"max_usd_per_task": -1}, "max_usd_per_task is -1, but must be an amount"),
    ],
)
def test_an_aim_that_cannot_be_is_refused_with_its_rule(policy, aim, message):
    with pytest.raises(UsageError, match=message):
        policy.choose([SUM], **aim)


def test_without_an_aim_the_dial_is_the_usual_one():
    assert Aim().dial == 0.8 and Aim(min_quality=0.9).dial is None


def test_a_model_that_lacks_what_is_needed_is_never_chosen(policy):
    seeing = {**CARDS, "large": replace(CARDS["large"], capabilities=frozenset({"text", "vision"}))}
    able = policy.with_catalogue(seeing)
    for aim in ({"dial": 0.0}, {"min_quality": 0.4}, {"max_usd": 0.0001}, {"max_usd_per_task": 0.1}):
        assert able.choose([SUM, POEM], needs={"vision"}, **aim) == ["large", "large"]
    with pytest.raises(
        UsageError, match=r"no model can serve prompt 0: large lacks audio.*; small lacks audio"
    ):
        able.choose([SUM], needs=["audio"])


def test_a_prompt_too_long_for_a_model_goes_to_one_that_takes_it(policy):
    short = {**CARDS, "small": replace(CARDS["small"], context_tokens=1000)}
    assert policy.with_catalogue(short).choose([SUM, SUM * 200], dial=0.0) == ["small", "large"]


def test_a_language_is_asked_of_models_that_declare_some(policy):
    german = {**CARDS, "small": replace(CARDS["small"], languages=frozenset({"en"}))}
    assert policy.with_catalogue(german).choose([SUM], dial=0.0, language="de") == ["large"]


def test_the_measure_of_cost_stays_when_prices_change(policy):
    cheap = {**CARDS, "large": ModelCard("large", 0.0, 10.0)}
    assert policy.with_catalogue(cheap).usd_scale == policy.usd_scale


def test_trained_without_prices_the_measure_is_that_of_the_first_prices(policy):
    free = {name: ModelCard(name, 0.0, 0.0) for name in CARDS}
    unpriced = replace(policy, metadata={**policy.metadata, "usd_scale": 0.0})
    assert unpriced.with_catalogue(free).usd_scale == 1.0
    assert unpriced.usd_scale == policy.learned.usd_scale(CARDS)


def test_a_policy_without_held_out_tasks_says_so(policy):
    bare = replace(policy, learned=replace(policy.learned, held_out=None))
    assert bare.choose([SUM], dial=0.0) == ["small"]
    with pytest.raises(UsageError, match=r"no held-out tasks to find a dial by; .*train it again"):
        bare.choose([SUM], min_quality=0.9)
