import json
from dataclasses import replace

import numpy as np
import pytest

from router_training.add_command import save
from router_training.adding import FEWEST_LABELS, add_model, wilson
from router_training.contract import DataError, ModelCard, Outcome, UsageError
from router_training.joint_model import JOINT_FOLDER, KIND as JOINT
from router_training.learning.added import AddedModel, fit_added
from router_training.learning.policy_files import write_folder
from router_training.outcomes import OutcomeTable
from router_training.policy import load_policy
from router_training.serving import Opened

SUM, POEM = "What is 441 plus 38?", "Write poem number 77 about bees in 200 words."
CARDS = {"medium": ModelCard("medium", 2.0, 2.0)}
RNG = np.random.default_rng(0)


def outcomes_of(table, n, name="medium", right=lambda prompt: "poem" not in prompt, **changes):
    """Return n rows of a model that can do what `small` can, on tasks of the table."""
    rows = [
        Outcome(
            str(table.task_ids[i]),
            table.prompts[i],
            name,
            float(right(table.prompts[i])),
            prompt_tokens=12,
            completion_tokens=30,
            cost_usd=84e-6,
        )
        for i in range(n)
    ]
    return OutcomeTable.from_outcomes([replace(row, **changes) for row in rows])


@pytest.fixture(scope="module")
def grown(two_kinds, two_kinds_policy):
    return add_model(two_kinds_policy, "medium", outcomes_of(two_kinds, 80), CARDS)


def test_the_others_forecast_what_they_did(grown, two_kinds_policy):
    before, after = (policy.forecast([SUM, POEM]) for policy in (two_kinds_policy, grown.policy))
    assert after.models == ("large", "medium", "small")
    for name in ("p_success", "usd", "latency_s", "usd_high"):
        assert np.array_equal(getattr(before, name), getattr(after, name)[:, [0, 2]], equal_nan=True)
    assert grown.policy.usd_scale == two_kinds_policy.usd_scale


def test_the_new_model_is_told_what_it_can_do_and_what_it_costs(grown):
    known = grown.policy.forecast([SUM, POEM])
    assert known.p_success[0, 1] > known.p_success[1, 1] + 0.3
    assert np.allclose(known.usd[:, 1], 84e-6, rtol=0.2)


def test_a_lucky_model_is_forecast_below_what_its_labels_say(grown):
    assert grown.quality.low < grown.forecast < grown.quality.value < grown.quality.high
    assert grown.quality.value == 0.5 and grown.n_labels == 80
    assert grown.policy.learned.mean_success[1] == grown.forecast


def test_a_grown_policy_is_saved_and_read_bit_for_bit(grown, tmp_path):
    grown.policy.save(tmp_path)
    one, other = (policy.forecast([SUM, POEM]) for policy in (grown.policy, load_policy(tmp_path)))
    assert one.models == other.models and np.array_equal(one.p_success, other.p_success)


def test_every_way_to_choose_knows_the_new_model(grown):
    free = grown.policy.with_catalogue({**grown.policy.catalogue, "medium": ModelCard("medium", 0.0, 0.0)})
    assert free.choose([SUM], dial=0.1) == ["medium"]
    assert len(grown.policy.choose([SUM, POEM], min_quality=0.9)) == 2
    assert {point.model for point in grown.policy.operating_points} >= {"medium", "large", "small"}


def test_another_model_can_be_added_to_what_was_added(grown, two_kinds):
    table = outcomes_of(two_kinds, 60, name="zero", right=lambda _: False)
    again = add_model(grown.policy, "zero", table, {"zero": ModelCard("zero", 1.0, 1.0)}).policy
    assert again.models == ("large", "medium", "small", "zero")
    assert np.array_equal(again.forecast([SUM]).p_success[:, :3], grown.policy.forecast([SUM]).p_success)
    assert again.forecast([SUM]).p_success[0, 3] < 0.2
    assert [one["labels"] for one in again.metadata["added"]] == [80, 60]


def test_the_policy_says_that_it_learned_from_more(grown, two_kinds_policy):
    assert grown.policy.metadata["data_digest"] != two_kinds_policy.metadata["data_digest"]
    assert grown.policy.metadata["price_digest"] != two_kinds_policy.metadata["price_digest"]


def test_what_labels_bring_is_told_for_growing_numbers_of_them(grown):
    counts = [point.n_labels for point in grown.payoffs]
    assert counts == sorted(counts) and counts[-1] == 60
    assert all(np.isfinite([point.gain, point.spread]).all() for point in grown.payoffs)


def test_a_model_known_already_is_refused(two_kinds, two_kinds_policy):
    with pytest.raises(UsageError, match="chooses 'small' already"):
        add_model(two_kinds_policy, "small", two_kinds, CARDS)


def test_a_model_without_outcomes_card_or_enough_labels_is_refused(two_kinds, two_kinds_policy):
    table = outcomes_of(two_kinds, 50)
    with pytest.raises(DataError, match=r"no outcomes of 'other' \(found: medium\)"):
        add_model(two_kinds_policy, "other", table, CARDS)
    with pytest.raises(DataError, match="no card for 'medium'"):
        add_model(two_kinds_policy, "medium", table, {"x": CARDS["medium"]})
    with pytest.raises(DataError, match="on 39 tasks, but at least 40 are needed; label 1 more"):
        add_model(two_kinds_policy, "medium", table.take(range(39)), CARDS)


def test_tasks_that_ended_in_an_error_are_missing_and_not_failures(two_kinds, two_kinds_policy):
    frame = outcomes_of(two_kinds, FEWEST_LABELS + 10, right=lambda _: True).frame
    frame.loc[FEWEST_LABELS:, "quality"] = np.nan
    frame.loc[FEWEST_LABELS:, "error"] = "timeout"
    found = add_model(two_kinds_policy, "medium", OutcomeTable.from_frame(frame), CARDS)
    assert (found.n_labels, found.n_left_out, found.quality.value) == (FEWEST_LABELS, 10, 1.0)
    assert found.forecast < 1.0


@pytest.mark.parametrize("value", [0.0, 1.0, 0.3])
def test_a_fit_stays_finite_whatever_the_outcomes(value):
    p = RNG.random((60, 3))
    assert np.isfinite(fit_added(p, np.full(60, value), 1).to_array()).all()


def test_the_order_of_tasks_and_models_changes_nothing():
    p, quality = RNG.random((60, 3)), RNG.integers(0, 2, 60).astype(float)
    order = RNG.permutation(60)
    one, other = fit_added(p, quality, 0), fit_added(p[order][:, ::-1], quality[order], 0)
    assert np.allclose(one.weights, other.weights[::-1]) and np.isclose(one.intercept, other.intercept)


def test_caution_fades_with_labels():
    p = RNG.random((2000, 2))
    gaps = [
        0.5 - float(fit_added(p[:n], np.arange(n) % 2.0, 0).forecast(p[:n]).mean()) for n in (40, 400, 2000)
    ]
    assert gaps[0] > gaps[1] > gaps[2] > 0.0 and gaps[2] < 0.03


def test_an_added_model_survives_its_array():
    model = AddedModel(2, np.array([0.5, -1.0]), 0.25)
    again = AddedModel.from_array(model.to_array())
    assert again.position == 2 and again.intercept == 0.25 and again.weights.tolist() == [0.5, -1.0]


def test_wilsons_interval_holds_the_mean_and_stays_a_probability():
    for mean in (0.0, 0.5, 1.0):
        found = wilson(mean, 40)
        assert -1e-12 <= found.low <= mean + 1e-12 and mean - 1e-12 <= found.high <= 1.0 + 1e-12
    assert np.isclose(wilson(0.5, 40).low, 0.3519, atol=1e-3)


def test_the_command_writes_a_router_that_routes(run, two_kinds, two_kinds_policy, tmp_path):
    two_kinds_policy.save(tmp_path / "router" / "policy")
    outcomes_of(two_kinds, 90).to_parquet(tmp_path / "medium.parquet")
    words = ("add-model", "medium", tmp_path / "medium.parquet", "--router", tmp_path / "router")
    code, out, _ = run(*words, "--out", tmp_path / "grown")
    assert code == 0 and "90 graded tasks of medium" in out and "0.500" in out and "gain" in out
    code, out, _ = run("route", SUM, "--router", tmp_path / "grown", "--json")
    assert code == 0 and len(json.loads(out)["forecasts"]) == 3
    code, _, err = run(*words, "--promote")
    assert code == 2 and "--promote" in err and "Traceback" not in err


def test_the_champion_grows_and_serves_only_if_told_to(
    run, store, two_kinds, two_kinds_policy, tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    two_kinds_policy.save(tmp_path / "policy")
    store.promote(store.log_training(tmp_path / "policy").version)
    outcomes_of(two_kinds, 50).to_parquet(tmp_path / "medium.parquet")
    words = ("add-model", "medium", tmp_path / "medium.parquet", "--out", tmp_path / "grown")
    code, out, _ = run(*words)
    assert code == 0 and "version 2, not yet the champion" in out and store.champion().version == "1"
    code, out, _ = run(*words, "--promote")
    assert code == 0 and "version 3, the champion" in out and store.champion().version == "3"


def test_too_few_labels_are_one_sentence_and_exit_code_2(run, two_kinds, two_kinds_policy, tmp_path):
    two_kinds_policy.save(tmp_path / "router" / "policy")
    outcomes_of(two_kinds, 12).to_parquet(tmp_path / "medium.parquet")
    code, out, err = run("add-model", "medium", tmp_path / "medium.parquet", "--router", tmp_path / "router")
    assert (
        code == 2
        and err.startswith("pointsman: ")
        and "label 28 more" in err
        and "Traceback" not in out + err
    )


def test_a_grown_router_takes_the_place_of_an_earlier_one_and_touches_nothing_else(
    grown, two_kinds_policy, tmp_path
):
    write_folder(tmp_path / "answer_model" / JOINT_FOLDER, JOINT, {}, {})
    (tmp_path / "answer_model" / "notes.md").write_text("mine")
    save(grown, Opened(two_kinds_policy, None, None, "here"), tmp_path)
    assert not (tmp_path / "answer_model" / JOINT_FOLDER).exists()
    assert (tmp_path / "answer_model" / "notes.md").read_text() == "mine"
    assert load_policy(tmp_path / "policy").models == grown.policy.models
