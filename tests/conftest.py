"""Shared by all tests: nothing here may touch the user's mlruns/, home or environment."""

import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from router_training.contract import Attempt, Decision, Evidence, Forecast, RequestRecord

REQUESTS_START = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _away_from_the_users_records(monkeypatch, tmp_path):
    """Tracking without an explicit address goes to a folder of this test alone."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory):
    """Return a migrated database: making one takes seconds, copying it none."""
    folder = tmp_path_factory.mktemp("mlflow")
    from router_training.tracking import open_store  # spares every other test the import of mlflow

    open_store(f"sqlite:///{folder}/mlflow.db")
    with sqlite3.connect(folder / "mlflow.db") as connection:
        connection.execute("DELETE FROM experiments WHERE name = 'pointsman'")
    connection.close()
    return folder / "mlflow.db"


@pytest.fixture
def store(mlflow_database, tmp_path):
    """Return fresh records under the test's own folder."""
    from router_training.tracking import open_store

    (tmp_path / "records").mkdir()
    shutil.copy(mlflow_database, tmp_path / "records" / "mlflow.db")
    return open_store(f"sqlite:///{tmp_path}/records/mlflow.db")


@pytest.fixture
def request_record():
    """Return the maker of finished requests, numbered and a minute apart."""
    return make_request


def make_request(number: int = 0, *, attempts: int = 1, error: str | None = None, **changes) -> RequestRecord:
    """Return a finished request; `attempts` models were asked, and `error` makes every call fail."""
    models = ["small", "large", "larger"][:attempts]
    made = tuple(
        Attempt(
            model,
            None if error else f"answer {number}",
            confidence=None if error else 0.25 + 0.5 * (index == attempts - 1),
            error=error,
            usd=0.001,
            latency_s=1.5,
            prompt_tokens=12,
            completion_tokens=3,
            evidence=(Evidence("number", 0.75, "a number was asked and given", latency_s=0.5),),
        )
        for index, model in enumerate(models)
    )
    forecasts = tuple(Forecast(model, 0.6, 0.001, float("nan"), 0.1) for model in models)
    record = RequestRecord(
        trace_id=f"{number:032x}",
        time=(REQUESTS_START + timedelta(minutes=number)).isoformat(),
        prompt=f"What is {number} + 1?",
        strategy="cascade",
        decision=Decision("small", 0.8, 0.99, "cheapest viable", forecasts),
        attempts=made,
        result=made[-1].text or "",
        model=None if error else made[-1].model,
        confidence=None if error else made[-1].confidence,
        usd=0.001 * attempts,
        latency_s=2.0 * attempts,
        task_type="arithmetic",
        policy_version="7",
        data_digest="d" * 64,
        price_digest="p" * 64,
    )
    return replace(record, **changes)
