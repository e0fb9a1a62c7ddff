"""Shared by all tests: nothing here may touch the user's mlruns/, home or environment."""

import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from router_training.contract import Attempt, Decision, Evidence, Forecast, Outcome, RequestRecord

settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")

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


@pytest.fixture(scope="session")
def minilm():
    """Return the default encoder; its export is kept in the user's cache, like any download."""
    from router_training.embedding import load_encoder

    return load_encoder()


@pytest.fixture(scope="session")
def vector_folder(tmp_path_factory):
    """Return where this session keeps vectors."""
    return tmp_path_factory.mktemp("vectors")


@pytest.fixture(scope="session")
def two_kinds():
    """Return the table of `make_two_kinds`."""
    return make_two_kinds(160)


@pytest.fixture(scope="session")
def more_of_two_kinds():
    """Return 600 tasks like those of `two_kinds`, none of them the same."""
    return make_two_kinds(600, seed=1)


@pytest.fixture(scope="session")
def two_kinds_policy(two_kinds, minilm, vector_folder):
    """Return a policy trained on `two_kinds` without a models file."""
    from router_training.learning.selection import Candidate
    from router_training.policy import fit_policy

    candidates = [Candidate("logistic", {"C": 1.0})]
    return fit_policy(two_kinds, encoder=minilm, candidates=candidates, cache_dir=vector_folder)


def make_two_kinds(n: int, seed: int = 0):
    """Return n tasks, sums and poems by turns: "large" does both, "small" only sums, at a tenth of the price.

    Answers are those of a model that is right: for a wrong one the answer breaks off in the middle.
    """
    from router_training.outcomes import OutcomeTable

    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        a, b = (int(x) for x in rng.integers(10, 999, 2))
        topic = ("rain", "iron", "a lost key", "the sea", "old trains", "bees", "winter light", "bread")[
            i // 2 % 8
        ]
        prompt = f"What is {a} plus {b}?" if i % 2 else f"Write poem number {a} about {topic} in {b} words."
        for model, price, p in (("large", 10.0, 0.95), ("small", 1.0, 0.9 if i % 2 else 0.05)):
            right = rng.random() < p
            written = 8 if i % 2 else 60
            rows.append(
                Outcome(
                    f"t{i:04}",
                    prompt,
                    model,
                    float(right),
                    cost_usd=price * (12 + 2 * written) / 1e6,
                    latency_s=0.1 + 0.02 * written,
                    prompt_tokens=12,
                    completion_tokens=written,
                    response=f"It is {a + b}." if right else "It is, let me think, a matter of the",
                )
            )
    return OutcomeTable.from_outcomes(rows)


@pytest.fixture
def run(capsys, monkeypatch):
    """Return a function that runs `pointsman ...` and returns (exit code, stdout, stderr)."""
    from orchestrator.cli import main  # spares the tests of training its import

    def command(*words):
        monkeypatch.setattr("sys.argv", ["pointsman", *map(str, words)])
        monkeypatch.setenv("COLUMNS", "160")
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    return command
