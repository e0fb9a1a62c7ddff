"""Shared by all tests: nothing here may touch the user's mlruns/, home or environment."""

import pytest


@pytest.fixture(autouse=True)
def _away_from_the_users_records(monkeypatch, tmp_path):
    """Tracking without an explicit address goes to a folder of this test alone."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
