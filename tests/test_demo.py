"""The demo serves itself only where nobody else's router does."""

from dataclasses import replace

import pytest

from orchestrator.demo import records_for
from router_training.tables.merging import GOLD_DIGEST, three_parts


@pytest.fixture
def crowned(store, two_kinds_policy, monkeypatch, tmp_path):
    """Return what makes a policy champion whose gold, and whose training data, have these digests."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)

    def crown(data_digest, **metadata):
        known = {**two_kinds_policy.metadata, "data_digest": data_digest, **metadata}
        replace(two_kinds_policy, metadata=known).save(tmp_path / "policy")
        store.promote(store.log_training(tmp_path / "policy").version)

    return crown


def test_where_nobody_is_champion_the_demo_writes_to_the_usual_records(
    store, monkeypatch, two_kinds, tmp_path
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    found, said = records_for(two_kinds, tmp_path / "demo")
    assert (found.uri, said) == (store.uri, None)


@pytest.mark.parametrize("is_retrained", [False, True])
def test_the_demos_own_champion_and_its_challengers_may_be_replaced(
    store, crowned, two_kinds, tmp_path, is_retrained
):
    own = three_parts(two_kinds, 0).train.digest
    crowned(*(("more rows",) if is_retrained else (own,)), **({GOLD_DIGEST: own} if is_retrained else {}))
    found, said = records_for(two_kinds, tmp_path / "demo")
    assert (found.uri, said) == (store.uri, None)


def test_a_champion_of_other_data_stays_and_the_demo_registers_beside_it(store, crowned, two_kinds, tmp_path):
    crowned("the user's own")
    found, said = records_for(two_kinds, tmp_path / "demo")
    assert found.uri == f"sqlite:///{tmp_path}/demo/records/mlflow.db"
    assert "version 1, did not learn from the demo's data, so it stays" in said and found.uri in said
    found.promote(found.log_training(tmp_path / "policy").version)
    found.promote(found.log_training(tmp_path / "policy").version)
    assert store.champion().version == "1" and found.champion().version == "2"


def test_a_champion_whose_files_are_gone_is_somebody_elses(store, crowned, two_kinds, tmp_path):
    crowned("the user's own")
    (store.champion().path / "manifest.json").unlink()
    found, said = records_for(two_kinds, tmp_path / "demo")
    assert found.uri != store.uri and "stays" in said
