import subprocess
import sys

import numpy as np
import pytest

from router_training.learning.neighbours import (
    MOST_EXACT,
    Compared,
    Indexed,
    keep_rows,
    neighbours_from_arrays,
    recall,
)
from router_training.learning.selection import Candidate
from router_training.policy import fit_policy
from router_training.success_models import knn


def unit_rows(n, d=24, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def rows():
    return unit_rows(MOST_EXACT + 300)


@pytest.fixture(scope="module")
def indexed(rows):
    return keep_rows(rows)


def test_few_rows_are_compared_and_many_are_indexed(rows, indexed):
    assert isinstance(keep_rows(rows[:MOST_EXACT]), Compared)
    assert isinstance(indexed, Indexed) and len(indexed) == len(rows)


def test_an_index_finds_nearly_all_of_the_nearest_and_says_how_many(rows, indexed):
    assert 0.95 < recall(indexed, rows, 50) <= 1.0
    assert recall(Compared(rows), rows, 50) == 1.0


def test_cosines_are_those_of_the_rows_that_are_named(rows, indexed):
    queries = unit_rows(5, seed=1)
    cosines, positions = indexed.search(queries, 10)
    np.testing.assert_allclose(cosines, np.einsum("nd,nkd->nk", queries, rows[positions]), atol=3e-3)


def test_a_batch_is_searched_as_its_prompts_are_one_by_one(indexed):
    queries = unit_rows(300, seed=2)
    together = indexed.search(queries, 20)
    alone = [indexed.search(query[None], 20) for query in queries]
    for part in (0, 1):
        np.testing.assert_array_equal(together[part], np.vstack([pair[part] for pair in alone]))


def test_no_queries_find_nothing(indexed):
    cosines, positions = indexed.search(np.zeros((0, 24), dtype=np.float32), 3)
    assert cosines.shape == positions.shape == (0, 3)


def test_an_index_comes_back_as_it_was_and_the_same_rows_give_the_same_one(rows, indexed):
    arrays = indexed.to_arrays()
    again = neighbours_from_arrays(arrays)
    queries = unit_rows(50, seed=3)
    np.testing.assert_array_equal(again.search(queries, 20), indexed.search(queries, 20))
    np.testing.assert_array_equal(keep_rows(rows).to_arrays()["index"], arrays["index"])


def test_bytes_that_are_no_index_are_refused():
    with pytest.raises(ValueError, match="index"):
        neighbours_from_arrays({"index": np.zeros(4000, dtype=np.uint8)})


def test_a_neighbour_profile_forecasts_alike_with_and_without_an_index(rows, monkeypatch):
    quality = (rows[:, :2] > 0).astype(np.float64)
    queries = unit_rows(200, seed=4)
    by_index = knn.Estimator(k=50).fit(rows, quality)
    assert 0.95 < by_index.recall_ <= 1.0
    again = knn.Estimator.from_arrays(by_index.to_arrays())
    np.testing.assert_array_equal(again.predict(queries), by_index.predict(queries))
    assert again.recall_ == by_index.recall_
    monkeypatch.setattr("router_training.learning.neighbours.MOST_EXACT", len(rows))
    compared = knn.Estimator(k=50).fit(rows, quality)
    assert np.abs(by_index.predict(queries) - compared.predict(queries)).mean() < 0.005


def test_rows_without_their_outcomes_are_refused(rows):
    arrays = knn.Estimator().fit(rows[:50], np.ones((50, 2))).to_arrays()
    with pytest.raises(ValueError, match="50 rows"):
        knn.Estimator.from_arrays({**arrays, "quality": np.ones((49, 2))})


@pytest.mark.parametrize("order", ["usearch.index, onnxruntime", "onnxruntime, usearch.index"])
def test_index_and_encoder_are_imported_in_either_order(order):
    assert subprocess.run([sys.executable, "-c", f"import {order}"], check=False).returncode == 0


def test_a_policy_says_what_share_of_the_nearest_its_profile_finds(two_kinds, minilm, vector_folder):
    found = {
        name: fit_policy(
            two_kinds, encoder=minilm, candidates=[Candidate(name)], cache_dir=vector_folder
        ).metadata
        for name in ("knn", "logistic")
    }
    assert found["knn"]["winner"].startswith("knn") and found["knn"]["neighbour_recall"] == 1.0
    assert found["logistic"]["neighbour_recall"] is None
