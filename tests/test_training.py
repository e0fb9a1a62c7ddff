"""What training writes, and the twin it is judged beside."""

import numpy as np

from router_training.outcomes import OutcomeTable
from router_training.training import has_responses, shuffle_labels


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
