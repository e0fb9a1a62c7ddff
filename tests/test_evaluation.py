import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from router_training.contract import DataError, Forecasts, ModelCard, UsageError
from router_training.evaluation import default_dials, evaluate, evaluate_choices
from router_training.judging.controls import Grid, chance, constants, oracle, oracle_choice, oracle_curve
from router_training.judging.paired import Statistics, paired_statistics
from router_training.outcomes import OutcomeTable

DIALS = np.array([0.0, 1.0])


def random_grid(seed, n=60, m=3, types=None):
    rng = np.random.default_rng(seed)
    quality = (rng.random((n, m)) < np.linspace(0.3, 0.8, m)).astype(float)
    usd = np.linspace(1, 10, m) * rng.uniform(0.5, 1.5, (n, m))
    return Grid(tuple("abc"[:m]), quality, usd, usd * 2, types or (None,) * n)


def table_of(grid):
    rows = [
        {
            "task_id": f"t{i:03}",
            "prompt": f"p{i}",
            "model": name,
            "quality": grid.quality[i, j],
            "cost_usd": grid.usd[i, j],
            "task_type": grid.task_types[i],
        }
        for i in range(len(grid))
        for j, name in enumerate(grid.models)
    ]
    return OutcomeTable.from_frame(pd.DataFrame(rows))


class Fixed:
    """A router whose forecasts are given: the outcomes themselves, or noise."""

    def __init__(self, models, p_success, usd):
        self.forecasts = Forecasts(models, p_success, usd, usd * 0, np.zeros(len(usd)))

    def forecast(self, prompts):
        return self.forecasts

    def decide(self, forecasts, dial):
        return (dial * forecasts.p_success - (1 - dial) * forecasts.usd / 10).argmax(axis=1)


def noisy_router(grid, seed, noise=0.5):
    rng = np.random.default_rng(seed)
    p = np.clip(grid.quality * (1 - noise) + noise * rng.random(grid.quality.shape), 0, 1)
    return Fixed(grid.models, p, grid.usd)


def test_a_case_worked_out_by_hand():
    # a is right on task 0 only and costs 1; b is right on both and costs 3. The router asks b for task 1 only.
    grid = Grid(
        ("a", "b"),
        np.array([[1, 1], [0, 1.0]]),
        np.array([[1, 3], [1, 3.0]]),
        np.full((2, 2), 2.0),
        (None,) * 2,
    )
    found = evaluate_choices(grid, np.array([[0, 0], [0, 1]]), DIALS, dial=1.0, n_boot=0)
    assert found.lift.value == pytest.approx(0.125)  # (.75 + 1) / 2 - .75
    assert found.aiq.value == pytest.approx(0.875) and found.constants_aiq == pytest.approx(0.75)
    assert found.cost_at_best.value == pytest.approx(2 / 3)
    assert found.saving_at_best.value == pytest.approx(1 / 3)
    assert found.best.name == "b" and found.cheapest.name == "a"
    assert found.hull == ((1.0, 0.5), (2.0, 1.0)) and found.mixes == ((1.0, 0.5), (3.0, 1.0))
    assert found.curve[1].shares == {"a": 0.5, "b": 0.5} and found.curve[1].mix_quality == pytest.approx(0.75)
    assert found.operating.gain_over_mix.value == pytest.approx(0.25)
    assert found.operating.gain_over_best.value == 0.0
    assert (found.oracle.usd, found.oracle.quality) == (2.0, 1.0)
    assert (found.random.usd, found.random.quality, found.random.latency_s) == (2.0, 0.75, 2.0)
    assert math.isnan(found.lift.low) and found.twin_lift is None


@given(st.integers(0, 10_000), st.integers(0, 2))
@settings(max_examples=30, deadline=None)
def test_a_constant_router_has_no_lift(seed, j):
    grid = random_grid(seed)
    found = evaluate_choices(grid, np.full((2, 60), j), DIALS, n_boot=0)
    assert found.lift.value <= 1e-9


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_nobody_beats_the_oracle(seed):
    grid = random_grid(seed)
    choices = np.random.default_rng(seed).integers(0, 3, (2, 60))
    found = evaluate_choices(grid, choices, DIALS, n_boot=0)
    rivals = [found.random, *found.constants, *found.curve]
    assert all(found.oracle.quality >= point.quality - 1e-12 for point in rivals)
    assert found.oracle_lift >= max(found.lift.value, 0) - 0.02  # the oracle's dials are few


@given(st.integers(0, 1000), st.permutations(range(60)))
@settings(max_examples=20, deadline=None)
def test_the_order_of_tasks_changes_no_figure(seed, order):
    grid = random_grid(seed)
    choices = np.random.default_rng(seed).integers(0, 3, (2, 60))
    other = Grid(grid.models, grid.quality[order], grid.usd[order], grid.latency_s[order], grid.task_types)
    one, two = (
        paired_statistics(g, c, None, 0, 0, 0)[0]
        for g, c in ((grid, choices), (other, choices[:, list(order)]))
    )
    np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-9)


def test_a_router_that_knows_more_has_more_lift():
    grid = random_grid(1, n=400)
    table = table_of(grid)
    lifts = [evaluate(noisy_router(grid, 2, noise), table, n_boot=0).lift.value for noise in (0.2, 0.7, 0.95)]
    assert lifts == sorted(lifts, reverse=True)


def test_a_router_that_chooses_by_chance_is_not_said_to_win():
    wins = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        quality = (rng.random((300, 2)) < [0.4, 0.7]).astype(float)
        usd = np.array([1.0, 10.0]) * rng.uniform(0.7, 1.3, (300, 2))
        grid = Grid(("a", "b"), quality, usd, usd, (None,) * 300)
        router = Fixed(grid.models, rng.random((300, 2)), np.tile([1.0, 10.0], (300, 1)))
        choices = np.stack([router.decide(router.forecasts, dial) for dial in default_dials()])
        wins += evaluate_choices(grid, choices, default_dials(), n_boot=200).lift.low > 0
    assert wins <= 2


def test_intervals_hold_the_value_and_shrink_with_more_tasks():
    widths = []
    for n in (100, 1600):
        grid = random_grid(3, n=n)
        found = evaluate(noisy_router(grid, 4), table_of(grid), n_boot=200)
        assert found.lift.low <= found.lift.value <= found.lift.high
        widths.append(found.lift.high - found.lift.low)
    assert widths[1] < widths[0] / 2


def test_the_twin_is_paired_with_the_policy():
    grid = random_grid(5, n=200)
    router = noisy_router(grid, 6)
    found = evaluate(router, table_of(grid), twin=router, n_boot=50)
    assert found.twin_lift == found.lift
    assert (found.learned_lift.value, found.learned_lift.low, found.learned_lift.high) == (0, 0, 0)
    assert [point.quality for point in found.twin_curve] == [point.quality for point in found.curve]


def test_models_are_matched_by_name_not_by_position():
    grid = random_grid(7)
    router = noisy_router(grid, 8)
    turned = Fixed(grid.models[::-1], router.forecasts.p_success[:, ::-1], router.forecasts.usd[:, ::-1])
    one, two = (evaluate(r, table_of(grid), n_boot=0) for r in (router, turned))
    assert one.lift.value == pytest.approx(two.lift.value)
    assert one.calibration["a"].brier == pytest.approx(two.calibration["a"].brier)


def test_tasks_that_a_model_did_not_answer_are_left_out_and_counted():
    grid = random_grid(9)
    frame = table_of(grid).frame.drop(index=[0, 7])
    found = evaluate(noisy_router(grid, 1), OutcomeTable.from_frame(frame), n_boot=0)
    assert (found.n_tasks, found.n_left_out) == (58, 2)


def test_a_table_without_common_tasks_costs_or_models_is_refused():
    grid = random_grid(9, n=4, m=2)
    frame = table_of(grid).frame
    router = noisy_router(grid, 1)
    with pytest.raises(DataError, match="no task with quality and cost of all 2 models"):
        evaluate(router, OutcomeTable.from_frame(frame[[True, False, False, True] * 2]), n_boot=0)
    with pytest.raises(DataError, match="no cost of 'a', 'b'"):
        evaluate(router, OutcomeTable.from_frame(frame.drop(columns="cost_usd")), n_boot=0)
    with pytest.raises(DataError, match="no outcomes of 'b'"):
        evaluate(router, OutcomeTable.from_frame(frame[frame["model"] == "a"]), n_boot=0)
    with pytest.raises(UsageError, match="dial 2 lies outside"):
        evaluate(router, table_of(grid), dials=[0.5, 2.0])


def test_missing_costs_are_priced_by_the_catalogue():
    grid = random_grid(2, n=4, m=2)
    frame = table_of(grid).frame.drop(columns="cost_usd").assign(prompt_tokens=1e6, completion_tokens=0)
    cards = {"a": ModelCard("a", 2, 0), "b": ModelCard("b", 5, 0)}
    found = evaluate(noisy_router(grid, 1), OutcomeTable.from_frame(frame), catalogue=cards, n_boot=0)
    assert [point.usd for point in found.constants] == [2.0, 5.0]


def test_slices_share_out_all_tasks():
    grid = random_grid(2, types=("x",) * 40 + (None,) * 20)
    found = evaluate(noisy_router(grid, 1), table_of(grid), n_boot=0)
    assert [(part.name, part.n) for part in found.slices] == [("x", 40), ("(no type)", 20)]
    total = sum(part.n * part.quality for part in found.slices) / 60
    assert total == pytest.approx(found.operating.point.quality)


def test_json_has_every_field_and_no_nan():
    grid = random_grid(2)
    found = evaluate(noisy_router(grid, 1), table_of(grid), n_boot=20)
    content = json.loads(found.to_json())
    assert content == found.as_dict()
    assert content["schema"] == 1 and set(content) - {"schema"} == set(found.__dataclass_fields__)
    assert set(content["lift"]) == {"value", "low", "high"}
    assert content["curve"][0]["latency_s"] is None


def test_metrics_are_finite_numbers_and_a_win_is_a_whole_interval_above_zero():
    grid = random_grid(1, n=400)
    found = evaluate(noisy_router(grid, 2, 0.2), table_of(grid), n_boot=50)
    assert found.pays and found.metrics()["lift_low"] == found.lift.low > 0
    assert all(isinstance(number, float) and math.isfinite(number) for number in found.metrics().values())
    assert not evaluate(noisy_router(grid, 2, 0.2), table_of(grid), n_boot=0).pays


def test_the_oracle_takes_the_cheapest_of_equals():
    grid = Grid(
        ("a", "b"), np.array([[1, 1], [0, 0.0]]), np.array([[2, 1], [3, 4.0]]), np.zeros((2, 2)), (None,) * 2
    )
    assert oracle_choice(grid).tolist() == [1, 0]
    assert oracle(grid).usd == 2.0
    usd, quality = oracle_curve(grid, np.array([1.0]))
    assert (usd[0], quality[0]) == (2.0, 0.5)


def test_constants_are_column_means_and_chance_is_their_mean():
    grid = random_grid(3)
    np.testing.assert_allclose([point.quality for point in constants(grid)], grid.quality.mean(axis=0))
    assert chance(grid).quality == pytest.approx(grid.quality.mean())


def test_resamples_have_a_row_each():
    grid = random_grid(3)
    _, resamples = paired_statistics(grid, np.zeros((2, 60), dtype=int), None, 0, 7, 0)
    assert resamples.shape == (7, len(Statistics._fields))
