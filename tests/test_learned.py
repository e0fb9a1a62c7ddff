import numpy as np

from router_training.learning.learned import Learned, character_counts

PROMPTS = ["What is 12 plus 30?", "Write poem number 5 about rain in 90 words."]


def test_all_that_was_learned_survives_as_plain_arrays(two_kinds_policy):
    learned = two_kinds_policy.learned
    arrays = learned.to_arrays()
    assert all(array.dtype != object for array in arrays.values())
    again = Learned.from_arrays(arrays, learned.models, learned.success_name)
    vectors = two_kinds_policy.encoder.encode(PROMPTS)
    one, other = (part.forecast(PROMPTS, vectors, two_kinds_policy.catalogue) for part in (learned, again))
    assert np.array_equal(one.p_success, other.p_success) and np.array_equal(one.usd, other.usd)
    assert again.usd_scale(two_kinds_policy.catalogue) == two_kinds_policy.usd_scale


def test_the_scale_of_cost_is_the_mean_forecast_cost_of_the_best_single_model(two_kinds_policy, two_kinds):
    usd = two_kinds_policy.forecast(two_kinds.prompts).usd
    assert np.isclose(two_kinds_policy.usd_scale, usd[:, 0].mean(), rtol=1e-3)  # "large" succeeds more often


def test_characters_are_counted_not_bytes():
    assert character_counts(["", "日本"]).tolist() == [0, 2]
