"""What training writes, and the twin it is judged beside."""

from dataclasses import replace

import numpy as np
import pytest

from router_training.outcomes import OutcomeTable
from router_training.policy import load_policy
from router_training.training import has_responses
from router_training.twin import fit_twin, shuffle_labels, twin_on


def test_a_shuffled_twin_keeps_everything_but_who_succeeded_where(two_kinds):
    twin = shuffle_labels(two_kinds, 0)
    assert twin.prompts == two_kinds.prompts and not np.array_equal(twin.quality, two_kinds.quality)
    assert sorted(map(tuple, twin.quality)) == sorted(map(tuple, two_kinds.quality)), "rows are dealt whole"
    np.testing.assert_array_equal(twin.cost_usd, two_kinds.cost_usd)
    assert shuffle_labels(two_kinds, 0).digest == twin.digest != shuffle_labels(two_kinds, 1).digest


def test_the_twin_of_a_sparse_grid_has_as_many_grades_of_each_model(two_kinds):
    frame = two_kinds.frame.iloc[::3]
    sparse = OutcomeTable.from_frame(frame)
    twin = shuffle_labels(sparse, 0)
    assert np.array_equal(np.isnan(twin.quality), np.isnan(sparse.quality))
    assert np.array_equal(np.nansum(twin.quality, axis=0), np.nansum(sparse.quality, axis=0))
    assert not np.array_equal(twin.quality, sparse.quality, equal_nan=True)


def test_a_table_has_responses_where_any_answer_is_known(two_kinds):
    assert has_responses(two_kinds)


def test_the_twin_is_kept_with_the_policy_and_forecasts_what_a_fresh_one_does(
    two_kinds_policy, two_kinds, more_of_two_kinds, vector_folder, tmp_path
):
    test = more_of_two_kinds.take(range(20))
    fresh = fit_twin(two_kinds_policy, two_kinds, seed=0, cache_dir=vector_folder)
    known = twin_on(two_kinds_policy, two_kinds, test, seed=0, cache_dir=vector_folder)
    expected = fresh.forecast(test.prompts)
    np.testing.assert_allclose(known.p_success, expected.p_success, rtol=1e-6)
    own = two_kinds_policy.forecast(test.prompts)
    np.testing.assert_allclose(own.usd, expected.usd, err_msg="the twin differs in labels alone")
    assert fresh.usd_scale == pytest.approx(two_kinds_policy.usd_scale)
    replace(two_kinds_policy, twin=known).save(tmp_path / "policy")
    read = load_policy(tmp_path / "policy").twin
    np.testing.assert_allclose(read.p_success, known.p_success, rtol=1e-6)
    assert read.fits(test, ("large", "small"))
    assert not read.fits(test.take(range(19)), ("large", "small")) and not read.fits(
        two_kinds, ("large", "small")
    )
