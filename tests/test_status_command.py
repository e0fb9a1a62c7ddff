"""`pointsman status`: one screen, or JSON, of who serves, what waits, and drift."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from orchestrator.feedback import Spool, note_refused


@pytest.fixture
def records(mlflow_database, monkeypatch, tmp_path, two_kinds_policy, two_kinds, request_record):
    """A folder with a champion, 60 answers in MLflow and 2 that wait."""
    from router_training.tracking import open_store

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    (tmp_path / "mlruns").mkdir()
    shutil.copy(mlflow_database, tmp_path / "mlruns" / "mlflow.db")
    store = open_store()
    two_kinds_policy.save(tmp_path / "policy")
    store.promote(store.log_training(tmp_path / "policy").version)
    asked = [request_record(i, prompt=two_kinds.prompts[i]) for i in range(60)]
    store.log_requests(asked, trace_limit=0)
    beside = replace(asked[0].attempts[0], model="large")
    second = replace(
        asked[0], trace_id="f" * 32, attempts=(beside,), model="large", shadow_of=asked[0].trace_id
    )
    store.log_requests([second], trace_limit=0)
    with Spool(tmp_path / "mlruns" / "spool" / "0") as spool:
        spool(request_record(70))
        spool(request_record(71))
        spool.seal()
    note_refused(tmp_path / "mlruns" / "spool" / "0", 3)


@pytest.mark.usefixtures("records")
def test_it_tells_who_serves_what_waits_and_every_figure_beside_its_threshold(run):
    told = json.loads(run("status", "--since", "2026-01-01", "--json")[1])
    assert told["serves"] == "champion, version 1"
    assert (told["waiting"]["requests"], told["waiting"]["refused"]) == (2, 3)
    assert [one["key"] for one in told["drift"]] == [
        "failures",
        "calibration_error",
        "novel_prompts",
        "prices",
        "task_types",
    ]
    assert (told["outcomes"], told["shadow_outcomes"]) == (60, 1)
    page = " ".join(run("status", "--since", "2026-01-01")[1].split())
    assert "60 answers since 2026-01-01, 1 in shadow; 2 requests (0.0 of 1,000 MB) wait in spools" in page
    assert "3 were not kept" in page and "calibration error" in page


@pytest.mark.parametrize("command", ["status", "rollback"])
def test_records_that_mlflow_cannot_read_are_one_sentence(run, store, tmp_path, monkeypatch, command):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    with closing(sqlite3.connect(tmp_path / "records" / "mlflow.db")) as database:
        database.execute("ALTER TABLE registered_models RENAME TO gone")
    code, out, err = run(command)
    assert (code, out) == (2, "") and "Traceback" not in err
    assert err.splitlines()[-1].startswith("pointsman: MLflow's records cannot be used (")
