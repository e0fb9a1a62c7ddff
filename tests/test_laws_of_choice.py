"""What holds of every choice, whatever the prompts, the prices and the aim."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

from router_training.contract import Forecasts, UsageError
from router_training.learning.choosing import Aim, choose_at
from router_training.learning.decision import decide
from router_training.learning.held_out import HeldOut
from router_training.learning.operating import best_within, cheapest_with, operating_points
from router_training.learning.selection import Candidate
from router_training.outcomes import OutcomeTable
from router_training.policy import fit_policy

MODELS = ("large", "small")
unit = st.floats(0, 1)
amounts = st.floats(1e-6, 1e-2)
matrices = arrays(np.float64, (6, 3), elements=unit)
masks = arrays(np.bool_, (6, 3)).map(lambda mask: mask | ~mask.any(axis=1, keepdims=True))
SEEN_PROMPTS = 80


@pytest.fixture(scope="module")
def known(two_kinds, two_kinds_policy):
    """Return prompts with their vectors: prices change, what was encoded does not."""
    prompts = two_kinds.prompts[:SEEN_PROMPTS]
    return prompts, two_kinds_policy.encoder.encode(prompts)


@pytest.fixture(scope="module")
def fit(minilm, vector_folder):
    candidates = [Candidate("logistic", {"C": 1.0})]
    return lambda table, **cards: fit_policy(
        table, encoder=minilm, candidates=candidates, cache_dir=vector_folder, **cards
    )


def forecasts(p, usd, models=("ant", "bee", "cat")):
    return Forecasts(models, p, usd, np.zeros_like(p), np.zeros(len(p)))


@given(matrices, matrices, masks, unit, unit)
def test_a_higher_dial_never_picks_a_model_less_likely_to_succeed_among_those_that_can(
    p, usd, allowed, one, other
):
    rows = np.arange(6)
    low, high = (decide(forecasts(p, usd), dial, 1.0, allowed) for dial in sorted((one, other)))
    assert allowed[rows, low].all() and allowed[rows, high].all()
    assert (p[rows, high] >= p[rows, low] - 1e-9).all()


@given(st.sampled_from(MODELS), unit, unit, unit)
@settings(max_examples=60)
def test_a_price_cut_never_makes_a_model_chosen_less(two_kinds_policy, known, model, dial, cut_in, cut_out):
    prompts, vectors = known
    card = two_kinds_policy.catalogue[model]
    cut = replace(
        card, usd_per_mtok_in=card.usd_per_mtok_in * cut_in, usd_per_mtok_out=card.usd_per_mtok_out * cut_out
    )
    cheaper = two_kinds_policy.with_catalogue({**two_kinds_policy.catalogue, model: cut})
    before, after = (
        policy.decide(policy.forecast_vectors(prompts, vectors), dial) == MODELS.index(model)
        for policy in (two_kinds_policy, cheaper)
    )
    assert (after | ~before).all()


@given(unit, unit)
@settings(max_examples=60)
def test_more_quality_never_costs_less_and_more_money_never_buys_less(two_kinds_policy, one, other):
    points = two_kinds_policy.operating_points
    low, high = sorted((one, other))
    if low > 0:
        assert cheapest_with(points, low).usd <= cheapest_with(points, high).usd
    cheapest = min(point.usd for point in points)
    less, more = (best_within(points, cheapest * (1 + 20 * part)) for part in (low, high))
    assert less.quality <= more.quality and less.usd <= cheapest * (1 + 20 * low)


@given(amounts)
def test_no_forecast_is_above_the_cap_per_task(two_kinds_policy, cap):
    prompts = ["What is 441 plus 38?", "Write poem number 77 about bees in 200 words."]
    usd = two_kinds_policy.forecast(prompts).usd
    try:
        chosen = two_kinds_policy.choose(prompts, max_usd_per_task=cap)
    except UsageError:
        assert (usd.min(axis=1) > cap).any()
    else:
        assert all(usd[i, MODELS.index(name)] <= cap for i, name in enumerate(chosen))


@given(st.sampled_from([{"dial": 0.6}, {"min_quality": 0.9}, {"max_usd": 0.0005}]), st.permutations(range(8)))
@settings(max_examples=20)
def test_a_batch_in_any_order_is_chosen_as_its_prompts_alone(two_kinds_policy, known, aim, order):
    prompts, vectors = known
    point = two_kinds_policy._operating(Aim(**aim))
    every = np.ones((8, 2), dtype=np.bool_)

    def chosen(rows):
        found = two_kinds_policy.forecast_vectors([prompts[i] for i in rows], vectors[list(rows)])
        return choose_at(point, found, two_kinds_policy.usd_scale, every[: len(rows)]).tolist()

    assert chosen(order) == [chosen([i])[0] for i in order]


@given(arrays(np.float64, (20, 3), elements=unit), st.permutations(range(3)), st.permutations(range(20)))
@settings(max_examples=40)
def test_the_order_of_models_and_of_held_out_tasks_changes_no_operating_point(
    two_kinds_policy, p, models, tasks
):
    rng = np.random.default_rng(0)
    quality = (rng.random((20, 3)) < p).astype(float)
    quality[rng.random((20, 3)) < 0.2] = np.nan
    tokens = rng.uniform(1, 100, (4, 20, 3))
    card = two_kinds_policy.catalogue["small"]
    cards = {name: replace(card, name=name) for name in ("ant", "bee", "cat")}
    parts = (p, quality, *tokens)
    one = operating_points(HeldOut(*parts), tuple(cards), cards, 1e-4)
    turned = HeldOut(*(part[tasks][:, models] for part in parts))
    other = operating_points(turned, tuple(tuple(cards)[j] for j in models), cards, 1e-4)
    for point, twin in zip(
        sorted(one, key=lambda q: (q.model or "", q.dial or 0)),
        sorted(other, key=lambda q: (q.model or "", q.dial or 0)),
        strict=True,
    ):
        assert (point.model, point.dial) == (twin.model, twin.dial)
        assert np.allclose([point.quality, point.usd], [twin.quality, twin.usd])


def test_the_order_of_cards_and_of_rows_changes_no_choice(two_kinds, two_kinds_policy, known, fit):
    cards = dict(reversed(two_kinds_policy.catalogue.items()))
    shuffled = OutcomeTable.from_frame(two_kinds.frame.sample(frac=1.0, random_state=3))
    again = fit(shuffled, catalogue=cards)
    for dial in (0.2, 0.5, 0.8):
        one, other = (policy.choose(known[0], dial) for policy in (two_kinds_policy, again))
        assert np.mean([a == b for a, b in zip(one, other, strict=True)]) > 0.97


def test_a_model_that_is_never_right_and_costs_a_fortune_changes_next_to_nothing(
    two_kinds, two_kinds_policy, known, fit
):
    useless = two_kinds.frame[two_kinds.frame["model"] == "large"].copy()
    useless = useless.assign(model="useless", quality=0.0, cost_usd=useless["cost_usd"] * 50)
    with_it = fit(OutcomeTable.from_frame(pd.concat([two_kinds.frame, useless])))
    for aim in ({"dial": 0.3}, {"dial": 0.8}, {"min_quality": 0.9}, {"max_usd": 0.0005}):
        before, after = (policy.choose(known[0], **aim) for policy in (two_kinds_policy, with_it))
        assert "useless" not in after
        assert np.mean([a == b for a, b in zip(before, after, strict=True)]) >= 0.9, aim


def test_far_beyond_training_every_prompt_gets_each_models_mean(two_kinds_policy, known):
    prompts, vectors = known
    learned = two_kinds_policy.learned
    far = learned.forecast(prompts, -vectors, two_kinds_policy.catalogue)
    assert np.allclose(far.p_success, learned.mean_success, atol=1e-3) and (far.novelty == 1.0).all()
