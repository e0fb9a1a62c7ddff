"""Which version is champion and where its files lie, told without importing mlflow (2 s, 200 MB).

A gateway asks this every few seconds. Only where the files are not on this machine does a process of its own open
MLflow, and fetch them.
"""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from router_training.contract import DataError
from router_training.records.databases import connected, is_database
from router_training.records.local_records import database_file, without_password

DEFAULT_URI = "sqlite:///mlruns/mlflow.db"
POINTER = """
SELECT a.version, r.artifact_uri FROM registered_model_aliases a
JOIN model_versions v ON v.name = a.name AND v.version = a.version
JOIN runs r ON r.run_uuid = v.run_id
WHERE a.name = 'router' AND a.alias = 'champion'
"""
API = "api/2.0/mlflow/registered-models/alias?name=router&alias=champion"
WAIT_S = 5.0
FETCH = "import sys; from router_training.tracking import print_champion; print_champion(sys.argv[1])"


@dataclass(frozen=True, slots=True)
class ChampionPointer:
    """The champion's version; `folder` holds its policy, None where its files are not on this machine."""

    version: str
    folder: Path | None


def read_pointer(uri: str | None = None) -> ChampionPointer | None:
    """Return which version is champion, None where there is none.

    Args:
        uri: where MLflow keeps its records, by default as in `tracking.open_store`.

    Raises:
        DataError: if the records cannot be read.
    """
    address = uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_URI
    database = database_file(address)
    try:
        if database is not None:
            return _in_database(database) if database.exists() else None
        if urlsplit(address).scheme in ("http", "https"):
            return _at_server(address)
        if is_database(address):
            return _in_other_database(address)
    except (OSError, ValueError, sqlite3.Error) as error:
        raise DataError(
            f"the champion cannot be read at {without_password(address)} ({error}); check that MLflow's records are there"
        ) from error
    return None


def fetched(pointer: ChampionPointer, into: Path) -> Path:
    """Return the folder with the champion's files, fetched by a process that opens MLflow where they lie elsewhere.

    Raises:
        DataError: if they cannot be fetched.
    """
    if pointer.folder is not None:
        return pointer.folder
    target = into / pointer.version
    target.mkdir(parents=True, exist_ok=True)
    found = subprocess.run(
        [sys.executable, "-c", FETCH, str(target)], capture_output=True, text=True, check=False
    )
    if found.returncode != 0:
        reason = (found.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise DataError(f"the files of router version {pointer.version} cannot be fetched: {reason}")
    return Path(found.stdout.strip().splitlines()[-1])


def _in_database(database: Path) -> ChampionPointer | None:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=WAIT_S)) as connection:
        row = connection.execute(POINTER).fetchone()
    return _pointer(row)


def _in_other_database(address: str) -> ChampionPointer | None:
    from sqlalchemy import inspect, text  # spares those with SQLite or a server 0.3 s

    with connected(address) as connection:
        is_new = not inspect(connection).has_table("registered_model_aliases")
        return None if is_new else _pointer(connection.execute(text(POINTER)).fetchone())


def _pointer(row: Sequence[str] | None) -> ChampionPointer | None:
    if row is None:
        return None
    version, artifacts = row
    place = urlsplit(artifacts)
    folder = Path(unquote(place.path)) / "router" if place.scheme in ("", "file") else None
    return ChampionPointer(str(version), folder)


def _at_server(address: str) -> ChampionPointer | None:
    try:
        with urllib.request.urlopen(_question(address, os.environ), timeout=WAIT_S) as answer:
            content = json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 404:
            return None
        raise
    return ChampionPointer(str(content["model_version"]["version"]), None)


def _question(address: str, environment: Mapping[str, str]) -> urllib.request.Request:
    """Return what the server is asked, with the credentials that MLflow's own client would send."""
    parts = urlsplit(address)
    question = urllib.request.Request(
        f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}/{API}"
    )
    user = environment.get("MLFLOW_TRACKING_USERNAME") or unquote(parts.username or "")
    password = environment.get("MLFLOW_TRACKING_PASSWORD") or unquote(parts.password or "")
    token = environment.get("MLFLOW_TRACKING_TOKEN")
    if user and password:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        question.add_header("Authorization", f"Basic {token}")
    elif token:
        question.add_header("Authorization", f"Bearer {token}")
    return question
