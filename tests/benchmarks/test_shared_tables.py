import numpy as np
import pytest

from tests.benchmarks.shared_tables import STARTER, prefix_groups, read_catalogue, read_table, split_by

pytestmark = pytest.mark.benchmark


@pytest.fixture(scope="module")
def starter():
    return read_table(STARTER)


def test_a_split_puts_every_task_on_one_side_and_no_beginning_on_both(starter):
    groups = prefix_groups(starter)
    train, test = split_by(groups, seed=3)
    assert sorted([*train, *test]) == list(range(len(starter)))
    assert not np.intersect1d(groups[train], groups[test]).size


def test_another_seed_makes_another_split(starter):
    groups = prefix_groups(starter)
    assert not np.array_equal(split_by(groups, 0)[1], split_by(groups, 1)[1])


def test_the_starter_has_a_price_for_every_model(starter):
    assert set(read_catalogue(STARTER, starter)) >= set(starter.models)


def test_an_absent_table_is_skipped_with_its_path(monkeypatch, tmp_path):
    monkeypatch.setenv("POINTSMAN_SHARED_TABLES", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match=r"mmlu_pro6\.parquet is absent"):
        read_table("mmlu_pro6")
