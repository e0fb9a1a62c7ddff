import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from router_training.contract import DataError, ModelCard, UsageError
from router_training.learning.selection import Candidate
from router_training.outcomes import OutcomeTable
from router_training.policy import fit_policy, load_policy

CARDS = {"large": ModelCard("large", 10.0, 10.0), "small": ModelCard("small", 1.0, 1.0)}
SUM, POEM = "What is 441 plus 38?", "Write poem number 77 about bees in 200 words."
FEW = (Candidate("logistic", {"C": 1.0}),)


@pytest.fixture(scope="module")
def saved(two_kinds_policy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    two_kinds_policy.save(folder)
    return folder


@pytest.fixture
def train(minilm, vector_folder):
    def fit(table, **options):
        options = {"candidates": FEW, "encoder": minilm, "cache_dir": vector_folder, **options}
        return fit_policy(table, **options)

    return fit


def same(one, other):
    arrays = ("p_success", "usd", "latency_s", "novelty")
    return one.models == other.models and all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in arrays
    )


def test_it_learns_which_model_can_do_what(two_kinds_policy):
    p = two_kinds_policy.forecast([SUM, POEM]).p_success
    assert two_kinds_policy.models == ("large", "small")
    assert p[0, 1] > 0.7 and p[1, 1] < 0.3 and (p[:, 0] > 0.7).all()


def test_it_sends_each_prompt_to_the_cheapest_model_that_will_do(two_kinds_policy):
    assert two_kinds_policy.choose([SUM, POEM], dial=0.7) == ["small", "large"]
    assert two_kinds_policy.choose([SUM, POEM], dial=0.0) == ["small", "small"]


def test_forecasts_have_a_row_per_prompt_and_a_column_per_model(two_kinds_policy):
    known = two_kinds_policy.forecast([SUM, POEM, ""])
    for array in (known.p_success, known.usd, known.latency_s):
        assert array.shape == (3, 2) and np.isfinite(array).all() and (array >= 0).all()
    assert known.novelty.shape == (3,) and ((known.novelty >= 0) & (known.novelty <= 1)).all()


def test_no_prompts_need_no_choice(two_kinds_policy):
    assert two_kinds_policy.choose([]) == [] and len(two_kinds_policy.forecast([])) == 0


def test_a_batch_is_forecast_as_its_prompts_alone(two_kinds_policy):
    prompts = [SUM, POEM, "a", "prove it " * 100]
    batch = two_kinds_policy.forecast(prompts)
    for i, prompt in enumerate(prompts):
        alone = two_kinds_policy.forecast([prompt])
        assert np.allclose(batch.p_success[i], alone.p_success[0], rtol=1e-3)
        assert np.allclose(batch.usd[i], alone.usd[0], rtol=1e-3)


def test_a_poem_is_forecast_to_cost_and_take_more_than_a_sum(two_kinds_policy):
    known = two_kinds_policy.forecast([SUM, POEM])
    assert (known.usd[1] > 2 * known.usd[0]).all() and (known.latency_s[1] > 2 * known.latency_s[0]).all()
    assert np.allclose(known.latency_s, [[0.26, 0.26], [1.3, 1.3]], rtol=0.25)


def test_what_was_never_seen_is_newer_than_what_was(two_kinds_policy, two_kinds):
    strange = "SELECT name FROM users WHERE id = 7; -- explain"
    assert two_kinds_policy.forecast([two_kinds.prompts[0], strange]).novelty.tolist() == [0.0, 1.0]


def test_a_price_change_changes_choices_without_training(two_kinds_policy):
    dear = {**CARDS, "small": ModelCard("small", 100.0, 100.0)}
    changed = two_kinds_policy.with_catalogue(dear)
    assert two_kinds_policy.choose([SUM]) == ["small"] and changed.choose([SUM]) == ["large"]
    assert np.array_equal(changed.forecast([SUM]).p_success, two_kinds_policy.forecast([SUM]).p_success)
    assert changed.metadata["price_digest"] != two_kinds_policy.metadata["price_digest"]
    assert changed.metadata["data_digest"] == two_kinds_policy.metadata["data_digest"]


def test_models_that_cost_nothing_are_chosen_by_quality(two_kinds_policy):
    free = {name: replace(card, usd_per_mtok_in=0.0, usd_per_mtok_out=0.0) for name, card in CARDS.items()}
    assert two_kinds_policy.with_catalogue(free).choose([POEM], dial=0.1) == ["large"]


def test_a_catalogue_must_have_every_model(two_kinds_policy, saved):
    with pytest.raises(DataError, match="no card for 'small'"):
        two_kinds_policy.with_catalogue({"large": CARDS["large"]})
    with pytest.raises(DataError, match="no card for 'large'"):
        load_policy(saved, {"small": CARDS["small"]})


def test_a_saved_policy_forecasts_bit_for_bit_the_same(two_kinds_policy, saved):
    loaded = load_policy(saved)
    assert same(loaded.forecast([SUM, POEM, "x"]), two_kinds_policy.forecast([SUM, POEM, "x"]))
    assert loaded.usd_scale == two_kinds_policy.usd_scale
    assert loaded.metadata["data_digest"] == two_kinds_policy.metadata["data_digest"]
    assert sum(file.stat().st_size for file in saved.rglob("*")) < 60e6


def test_a_policy_is_loaded_at_other_prices(saved):
    assert load_policy(saved, CARDS).catalogue == CARDS


def test_serving_a_saved_policy_imports_neither_torch_nor_scikit_learn(saved):
    program = (
        "import sys; from router_training.policy import load_policy\n"
        f"load_policy({str(saved)!r}).choose(['hello'])\n"
        "assert not {'torch', 'sklearn', 'transformers', 'sentence_transformers', 'mlflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_manifest_says_what_it_was_trained_on_and_how_candidates_fared(saved, two_kinds, minilm):
    fields = json.loads((saved / "manifest.json").read_text())
    metadata = fields["metadata"]
    assert metadata["data_digest"] == two_kinds.digest and metadata["encoder_digest"] == minilm.digest
    assert [row["candidate"] for row in metadata["candidates"]] == ["constant()", "logistic(C=1)"]
    assert metadata["winner"] == "logistic(C=1)" and metadata["versions"]["scikit-learn"]
    assert 0.0 <= metadata["per_model"]["small"]["ece"] <= 0.2 < metadata["per_model"]["small"]["auc"]


def test_params_for_a_run_are_plain_numbers_and_texts(two_kinds_policy):
    params = two_kinds_policy.metadata_params()
    assert params["winner"] == "logistic(C=1)" and all(
        isinstance(v, str | int | float) for v in params.values()
    )


@pytest.mark.parametrize(
    "name", ["manifest.json", "arrays.npz", "encoder/model.onnx", "encoder/encoder.json"]
)
def test_a_policy_with_a_file_missing_or_damaged_is_refused_with_a_remedy(two_kinds_policy, tmp_path, name):
    two_kinds_policy.save(tmp_path)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-50])
    with pytest.raises(DataError, match="train"):
        load_policy(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match="train"):
        load_policy(tmp_path)


def test_the_same_table_gives_the_same_policy_in_any_order_of_rows(two_kinds, two_kinds_policy, train):
    shuffled = OutcomeTable.from_frame(two_kinds.frame.sample(frac=1.0, random_state=1))
    again = train(shuffled).forecast([SUM, POEM])
    assert np.allclose(again.p_success, two_kinds_policy.forecast([SUM, POEM]).p_success, atol=0.02)


def test_labels_that_say_nothing_of_the_prompt_leave_the_constant(two_kinds, train):
    frame = two_kinds.frame.copy()
    frame["quality"] = np.random.default_rng(0).integers(0, 2, len(frame)).astype(float)
    policy = train(OutcomeTable.from_frame(frame))
    assert policy.metadata["winner"] == "constant()"
    p = policy.forecast([SUM, POEM]).p_success
    assert np.array_equal(p[0], p[1])


def test_a_handful_of_tasks_is_enough(two_kinds, train):
    policy = train(two_kinds.take(range(4)))
    assert set(policy.choose([SUM, POEM])) <= {"large", "small"}


def test_a_model_that_is_always_right_and_one_that_never_is(two_kinds, train):
    frame = two_kinds.take(range(20)).frame.copy()
    frame["quality"] = (frame["model"] == "large").astype(float)
    policy = train(OutcomeTable.from_frame(frame))
    p = policy.forecast([SUM]).p_success[0]
    assert p[0] > 0.9 and p[1] < 0.1 and policy.choose([SUM], dial=0.9) == ["large"]


def test_a_sparse_grid_without_latencies_and_tokens_is_enough(more_of_two_kinds, train):
    frame = more_of_two_kinds.frame.sample(frac=0.6, random_state=0).copy()
    frame[["latency_s", "prompt_tokens", "completion_tokens"]] = np.nan
    known = train(OutcomeTable.from_frame(frame)).forecast([SUM, POEM])
    assert known.p_success[0, 1] > known.p_success[1, 1] and np.isnan(known.latency_s).all()
    large = frame[frame["model"] == "large"]["cost_usd"].mean()
    assert np.allclose(known.usd[:, 0], large, rtol=0.01), (
        "without token counts a call is priced at its mean cost"
    )


def test_one_model_or_one_task_is_refused_with_a_remedy(two_kinds, train):
    with pytest.raises(DataError, match=r"only one model \(small\).*add outcomes of another model"):
        train(OutcomeTable.from_frame(two_kinds.frame[two_kinds.frame["model"] == "small"]))
    with pytest.raises(DataError, match=r"only one task.*add outcomes"):
        train(two_kinds.take([0]))


@pytest.mark.parametrize(
    ("prompts", "message"),
    [("hello", r"pass a list of strings"), ([None], "prompt 0 is NoneType"), ([b"x"], "bytes")],
)
def test_prompts_must_be_a_list_of_strings(two_kinds_policy, prompts, message):
    with pytest.raises(UsageError, match=message):
        two_kinds_policy.choose(prompts)


@pytest.mark.parametrize("dial", [-1, 2, float("nan")])
def test_an_unknown_dial_is_refused(two_kinds_policy, dial):
    with pytest.raises(UsageError, match=r"must lie in \[0, 1\]"):
        two_kinds_policy.choose([SUM], dial=dial)


def test_what_a_call_may_cost_at_most_is_bounded_by_the_cards_max_tokens(two_kinds_policy):
    prompts = ["Write poem number 7 about rain in 300 words.", "What is 2 plus 2?"]
    forecasts = two_kinds_policy.forecast(prompts)
    assert (forecasts.usd_high >= forecasts.usd).all()
    assert (forecasts.latency_high_s >= forecasts.latency_s).all()
    short = {name: replace(card, max_tokens=1) for name, card in two_kinds_policy.catalogue.items()}
    bounded = two_kinds_policy.with_catalogue(short).forecast(prompts)
    assert np.array_equal(bounded.usd, forecasts.usd) and (bounded.usd_high == bounded.usd).all()
    (first, _), one = forecasts.row(0), forecasts.usd_high[0, 0]
    assert first.usd_high == one == first.usd_bound
