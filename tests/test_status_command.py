"""`pointsman status`: one screen, or JSON, of who serves, what waits, and drift."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from orchestrator.feedback import Spool, note_refused
from orchestrator.status_command import advice
from router_training.drift import Figure


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


def test_the_advice_is_about_what_is_over_its_threshold_and_nothing_else():
    def figure(key, name, value):
        return Figure(key, name, value, at_most=0.2, n=60, meaning="")

    calm = [figure("failures", "failures", 0.1), figure("prices", "prices", None)]
    assert advice(calm) == []
    (failing,) = advice([figure("failures", "failures of large", 0.5), *calm])
    assert "failures of large" in failing and "`pointsman doctor`" in failing and "retrain" not in failing
    (priced,) = advice([figure("prices", "prices", 0.9)])
    assert "`pointsman models check --models MODELS`" in priced
    (drifted,) = advice(
        [
            figure("calibration_error", "calibration error", 0.5),
            figure("task_types", "mix of task types", 0.5),
        ]
    )
    assert drifted.startswith("Over the threshold: calibration error, mix of task types: ")
    assert "`pointsman retrain DATA --gold GRADED`" in drifted


@pytest.mark.usefixtures("records")
def test_a_rollback_says_that_the_next_one_undoes_it(run, tmp_path):
    from router_training.tracking import open_store

    store = open_store()
    store.promote(store.log_training(tmp_path / "policy").version)
    back = (
        "Version 1 is champion again, as it was before version 2; the next rollback returns to version 2.\n"
    )
    assert run("rollback")[:2] == (0, back)
    assert "Version 2 is champion again" in run("rollback")[1]
