import numpy as np
import pandas as pd
import pytest

from router_training.catalogue import USUAL_COMPLETION_TOKENS, catalogue_from_outcomes
from router_training.contract import ModelCard
from router_training.learning.tokens import TokenModel, fit_tokens
from router_training.outcomes import OutcomeTable

MODELS = ("large", "small")


@pytest.fixture(scope="module")
def inputs(two_kinds):
    return np.array([[prompt.startswith("What")] for prompt in two_kinds.prompts], dtype=np.float32)


def chars(table):
    return np.array([len(prompt) for prompt in table.prompts], dtype=float)


def without(table, *columns):
    return OutcomeTable.from_frame(table.frame.assign(**dict.fromkeys(columns, np.nan)))


def test_the_mean_of_forecasts_is_the_mean_that_was_seen(two_kinds, inputs):
    read, written, seconds = fit_tokens(two_kinds, MODELS, inputs).forecast(inputs, chars(two_kinds))
    assert np.allclose(written.mean(axis=0), two_kinds.completion_tokens.mean(axis=0), rtol=0.02)
    assert np.allclose(read.mean(axis=0), two_kinds.prompt_tokens.mean(axis=0), rtol=0.02)
    assert np.allclose(seconds.mean(axis=0), two_kinds.latency_s.mean(axis=0), rtol=0.05)


def test_nothing_is_forecast_below_zero_or_beyond_what_was_seen(two_kinds, inputs):
    tokens = fit_tokens(two_kinds, MODELS, inputs)
    read, written, seconds = tokens.forecast(100 * (inputs - 0.5), np.array([200_000.0] * len(inputs)))
    assert (written >= 0).all() and (written <= 60).all() and (read >= 0).all() and (seconds >= 0).all()


def test_longer_prompts_have_more_tokens():
    frame = [
        {
            "task_id": f"{i}",
            "prompt": f"{i} " + "word " * i,
            "model": m,
            "quality": 1.0,
            "prompt_tokens": 5 + i,
        }
        for i in range(1, 60)
        for m in MODELS
    ]
    table = OutcomeTable.from_frame(pd.DataFrame(frame))
    tokens = fit_tokens(table, MODELS, np.zeros((59, 1), np.float32))
    read, _, _ = tokens.forecast(np.zeros((2, 1), np.float32), np.array([50.0, 500.0]))
    assert np.allclose(read[:, 0], [15, 105], rtol=0.1)


def test_the_price_is_applied_to_the_tokens(two_kinds, inputs):
    tokens = fit_tokens(two_kinds, MODELS, inputs)
    cards = {"large": ModelCard("large", 3.0, 15.0), "small": ModelCard("small", 0.0, 2.0)}
    usd = tokens.usd(np.array([[100.0, 100.0]]), np.array([[10.0, 20.0]]), MODELS, cards)
    assert np.allclose(usd, [[450e-6, 40e-6]])


def test_without_counts_prompts_are_read_by_the_character_and_answers_have_the_usual_length(
    two_kinds, inputs
):
    bare = without(two_kinds, "prompt_tokens", "completion_tokens")
    read, written, _ = fit_tokens(bare, MODELS, inputs).forecast(inputs, chars(bare))
    assert np.allclose(read[:, 0], chars(bare) / 4) and np.allclose(written, USUAL_COMPLETION_TOKENS)


@pytest.mark.parametrize(
    "uncounted",
    [(), ("prompt_tokens",), ("completion_tokens",), ("prompt_tokens", "completion_tokens")],
    ids=["none", "read", "written", "both"],
)
def test_prices_fitted_to_costs_forecast_the_mean_cost_whatever_is_counted(two_kinds, inputs, uncounted):
    bare = without(two_kinds, *uncounted)
    tokens = fit_tokens(bare, MODELS, inputs)
    read, written, _ = tokens.forecast(inputs, chars(bare))
    usd = tokens.usd(read, written, MODELS, catalogue_from_outcomes(bare))
    assert np.allclose(usd.mean(axis=0), bare.cost_usd.mean(axis=0), rtol=0.35)


def test_without_latencies_seconds_are_unknown(two_kinds, inputs):
    bare = without(two_kinds, "latency_s")
    assert np.isnan(fit_tokens(bare, MODELS, inputs).forecast(inputs, chars(bare))[2]).all()


def test_a_token_model_survives_its_arrays(two_kinds, inputs):
    tokens = fit_tokens(two_kinds, MODELS, inputs)
    again = TokenModel.from_arrays(tokens.to_arrays())
    for one, other in zip(
        tokens.forecast(inputs, chars(two_kinds)), again.forecast(inputs, chars(two_kinds)), strict=True
    ):
        assert np.array_equal(one, other)


def test_nineteen_calls_in_twenty_stay_below_the_high_forecast():
    rng = np.random.default_rng(0)
    n = 2000
    written = np.ceil(np.exp(rng.normal(4.0, 0.6, n)))
    seconds = 0.1 + 0.01 * written * np.exp(rng.normal(0.0, 0.3, n))
    rows = [
        {
            "task_id": f"{i}",
            "prompt": f"prompt {i}",
            "model": m,
            "quality": 1.0,
            "prompt_tokens": 5,
            "completion_tokens": written[i],
            "latency_s": seconds[i],
        }
        for i in range(n)
        for m in MODELS
    ]
    table = OutcomeTable.from_frame(pd.DataFrame(rows))
    inputs = rng.normal(size=(n, 3)).astype(np.float32)
    tokens = fit_tokens(table, MODELS, inputs)
    _, completion, latency_s = tokens.forecast(inputs, chars(table))
    completion_high, latency_high_s = tokens.high(completion, latency_s)
    for actual, high in ((table.completion_tokens, completion_high), (table.latency_s, latency_high_s)):
        assert 0.93 <= (actual <= high).mean() <= 0.97
    assert (completion_high >= completion).all() and completion_high.max() <= written.max()


def test_nothing_measured_leaves_the_forecast_its_own_bound(two_kinds, inputs):
    bare = without(two_kinds, "prompt_tokens", "completion_tokens", "latency_s")
    tokens = fit_tokens(bare, MODELS, inputs)
    assert (tokens.completion_high == 1.0).all() and (tokens.latency_high == 1.0).all()
