"""The one door to MLflow: runs, the registry of policies, request traces and feedback.

Everything lies in one experiment. Without an address the records go to `mlruns/` under the current
folder: `mlflow.db` (SQLite) and `artifacts/`. A server's address in MLFLOW_TRACKING_URI changes nothing else.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from router_training.contract import Outcome, RequestRecord, UsageError
from router_training.records.databases import is_database, turn_in
from router_training.records.feedback_rows import read_rows, traffic_metrics, unique, write_rows
from router_training.records.local_records import (
    database_file,
    must_be_database,
    taking_turns,
    without_password,
)
from router_training.records.traces import GoldGrade, sample_for_traces, utc
from router_training.records.versions import TrainingRun

# MLflow reads these when it is imported; one that the user has set stays. Nothing is reported to MLflow's
# makers; migrations, progress bars and run addresses stay out of our output; an absent server is noticed soon.
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
}.items():
    os.environ.setdefault(_name, _value)

from mlflow import MlflowClient  # noqa: E402 (after the settings above)
from mlflow.entities import Dataset, DatasetInput, Metric, Param, Run  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

from router_training.records.model_writer import write_model  # noqa: E402
from router_training.records.registry import Registry  # noqa: E402
from router_training.records.trace_writer import write_grades, write_traces  # noqa: E402

EXPERIMENT = "pointsman"
TRACES_PER_WRITE = 100
PARAMS_PER_WRITE = 100
UNAVAILABLE = (UsageError, MlflowException, OSError, sqlite3.Error)
"""What opening and writing the records raise while MLflow is away, the disk is full, or the address is wrong."""
_KIND = "pointsman.kind"
_ROWS = "outcomes.parquet"
GATE = "gate"  # tag: the sketch of the gate on which a challenger was judged


def open_store(uri: str | None = None) -> Store:
    """Open the records, creating them at first use (several processes may do so at once).

    Args:
        uri: Where MLflow keeps its records; default MLFLOW_TRACKING_URI, else `mlruns/` in this folder.

    Raises:
        UsageError: The address is of a kind MLflow does not open, or nothing answers there.
    """
    address = uri or os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlruns/mlflow.db"
    database = database_file(address)
    try:
        if database is None:
            if not is_database(address):
                return _open(address, artifacts=None)
            with turn_in(address):
                return _open(address, artifacts=Path("mlruns/artifacts").absolute().as_uri())
        must_be_database(database)
        database.parent.mkdir(parents=True, exist_ok=True)
        with taking_turns(database):
            return _open(f"sqlite:///{database}", artifacts=(database.parent / "artifacts").as_uri())
    except (MlflowException, OSError, sqlite3.Error) as error:
        reason = without_password(f"MLflow does not open {address!r}: {str(error).splitlines()[0]}")
        raise UsageError(
            f"{reason}; give sqlite:///FILE.db or a running server's address, or unset MLFLOW_TRACKING_URI"
        ) from error


def print_champion(download_dir: str) -> None:
    """Fetch the champion's files and print their folder: for processes that do not import mlflow themselves.

    Raises:
        UsageError: if there is no champion.
    """
    champion = open_store().champion(Path(download_dir))
    if champion is None:
        raise UsageError("the registry has no champion any more")
    sys.stdout.write(f"{champion.path.parent}\n")


class Store(Registry):
    """Runs, registry, traces and feedback of one MLflow address."""

    def __init__(self, uri: str, experiment_id: str, client: MlflowClient) -> None:
        super().__init__(uri, client)
        self.experiment_id = experiment_id

    @property
    def place(self) -> str:
        """The address as it may be printed: without a password."""
        return without_password(self.uri)

    def log_training(
        self,
        policy_dir: Path,
        *,
        answer_model_dir: Path | None = None,
        params: Mapping[str, object] | None = None,
        metrics: Mapping[str, float] | None = None,
        figures: Sequence[Path] = (),
        reports: Sequence[Path] = (),
        data_digest: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> TrainingRun:
        """Log a trained policy with its figures and register it; aliases stay where they are.

        Raises:
            UsageError: A folder to log is missing or empty (MLflow would register nothing and not say so).
        """
        for folder in (policy_dir, answer_model_dir):
            if folder is not None and not (folder.is_dir() and any(folder.iterdir())):
                raise UsageError(f"{folder} holds no files; save the policy there before it is logged")
        with self._run("training", tags) as run_id:
            self._log_values(run_id, params or {}, metrics or {})
            if data_digest is not None:
                outcomes = Dataset("outcomes", data_digest[:36], "local", data_digest)
                self._client.log_inputs(run_id, [DatasetInput(outcomes)])
                self._client.set_tag(run_id, "data_digest", data_digest)
            for place, paths in {"figures": figures, "reports": reports}.items():
                for path in paths:
                    self._client.log_artifact(run_id, str(path), place)
            with tempfile.TemporaryDirectory() as scratch:
                write_model(Path(scratch) / "router")
                self._client.log_artifacts(run_id, str(Path(scratch) / "router"), "router")
            self._client.log_artifacts(run_id, str(policy_dir), "router/policy")
            if answer_model_dir is not None:
                self._client.log_artifacts(run_id, str(answer_model_dir), "router/answer_model")
            return TrainingRun(run_id, self.register(run_id))

    def log_evaluation(
        self,
        *,
        metrics: Mapping[str, float],
        params: Mapping[str, object],
        figures: Sequence[Path] = (),
        reports: Sequence[Path] = (),
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Log a judgement under the names that training uses, so that runs stand side by side; return the run id."""
        with self._run("evaluation", tags) as run_id:
            self._log_values(run_id, params, metrics)
            for place, paths in {"figures": figures, "reports": reports}.items():
                for path in paths:
                    self._client.log_artifact(run_id, str(path), place)
            return run_id

    def log_verdict(
        self,
        *,
        params: Mapping[str, object],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        tables: Mapping[str, Mapping[str, Sequence[object]]] | None = None,
    ) -> str:
        """Log what came of a comparison of challenger and champion, its tables by name; return the run id."""
        with self._run("retraining", tags) as run_id:
            self._log_values(run_id, params, metrics)
            for name, columns in (tables or {}).items():
                rows = [list(row) for row in zip(*columns.values(), strict=True)]
                self._client.log_dict(run_id, {"columns": list(columns), "data": rows}, f"{name}.json")
            shown = [{"path": f"{name}.json", "type": "table"} for name in tables or {}]
            self._client.set_tag(run_id, "mlflow.loggedArtifacts", json.dumps(shown))
            return run_id

    def earlier_gates(self) -> list[str]:
        """Return the sketch of the gate of every retraining that judged a challenger, oldest first."""
        return [tags[GATE] for tags in self._tags_of("retraining") if tags.get(GATE)]

    def last_verdict(self) -> str | None:
        """Return what the latest retraining came to, in words; None where there was none."""
        notes = [tags.get("mlflow.note.content", "") for tags in self._tags_of("retraining")]
        return notes[-1].partition("\n")[0] if notes else None

    def log_requests(self, records: Sequence[RequestRecord], *, trace_limit: int = 500) -> str | None:
        """Write finished requests: every one as outcome rows, and full traces up to `trace_limit`.

        Above the limit requests that escalated or failed still get their trace, and a fixed sample of
        the others (see `traces.sample_for_traces`). Of a request told twice the later word is written. Writing
        a request again changes nothing that is read back: traces keep their id, and rows are read once per
        request and model.

        Returns:
            The id of the feedback run that holds the rows, None when there was nothing to write.
        """
        if not records:
            return None
        # the latest word on each request: PostgreSQL refuses to write a span twice in one statement
        records = list({record.trace_id: record for record in records}.values())
        with self._run("feedback") as run_id:
            self._log_values(run_id, {"trace_limit": trace_limit}, traffic_metrics(records))
            with tempfile.TemporaryDirectory() as folder:
                rows = Path(folder) / _ROWS
                write_rows(records, rows)
                self._client.log_artifact(run_id, str(rows))
            sample = sample_for_traces(records, trace_limit)
            for start in range(0, len(sample), TRACES_PER_WRITE):
                part = sample[start : start + TRACES_PER_WRITE]
                write_traces(part, self.uri, self.experiment_id, run_id)
        return run_id

    def log_grades(self, grades: Sequence[GoldGrade]) -> int:
        """Put gold grades on the traces of their requests; return how many traces have them (see `write_grades`)."""
        return write_grades(grades, self.uri)

    def feedback_outcomes(self, since: datetime | str | None = None) -> list[Outcome]:
        """Return all logged outcomes, oldest first, each once; `label_source` is verifier, human or gold.

        Args:
            since: Only requests at or after this moment (ISO 8601 where it is text).
        """
        found: list[Outcome] = []
        for run_id in self._runs_of("feedback"):
            if any(entry.path == _ROWS for entry in self._client.list_artifacts(run_id)):
                with tempfile.TemporaryDirectory() as folder:
                    found += read_rows(Path(self._client.download_artifacts(run_id, _ROWS, folder)))
        outcomes = sorted(unique(found), key=lambda outcome: (outcome.time or "", outcome.task_id))
        if since is None:
            return outcomes
        moment = utc(since if isinstance(since, str) else since.isoformat())
        return [outcome for outcome in outcomes if outcome.time and utc(outcome.time) >= moment]

    @contextmanager
    def _run(self, kind: str, tags: Mapping[str, str] | None = None) -> Iterator[str]:
        """Keep a run open; it ends FAILED where the block raises."""
        run = self._client.create_run(self.experiment_id, tags={**(tags or {}), _KIND: kind}, run_name=kind)
        status = "FAILED"
        try:
            yield run.info.run_id
            status = "FINISHED"
        finally:
            self._client.set_terminated(run.info.run_id, status)

    def _runs_of(self, kind: str) -> Iterator[str]:
        return (run.info.run_id for run in self._found(kind))

    def _tags_of(self, kind: str) -> Iterator[Mapping[str, str]]:
        return (run.data.tags for run in self._found(kind))

    def _found(self, kind: str) -> Iterator[Run]:
        token = None
        while True:
            page = self._client.search_runs(
                [self.experiment_id],
                f"tags.`{_KIND}` = '{kind}'",
                order_by=["start_time ASC"],
                page_token=token,
            )
            yield from page
            token = page.token
            if not token:
                return

    def _log_values(self, run_id: str, params: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        known = [Metric(_key(name), float(value), now, 0) for name, value in metrics.items()]
        told = [Param(_key(name), str(value)) for name, value in params.items()]
        for start in range(0, max(len(known), len(told)), PARAMS_PER_WRITE):
            part = slice(start, start + PARAMS_PER_WRITE)
            self._client.log_batch(run_id, metrics=known[part], params=told[part])


def _open(uri: str, artifacts: str | None) -> Store:
    """Connect, which creates the tables of a new database, and find or make the experiment."""
    client = MlflowClient(uri)
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        try:
            return Store(uri, client.create_experiment(EXPERIMENT, artifacts), client)
        except MlflowException:
            found = client.get_experiment_by_name(EXPERIMENT)  # another process may have made it meanwhile
            if found is None:
                raise
    return Store(uri, found.experiment_id, client)


def _key(name: str) -> str:
    """Return a name that MLflow accepts for a metric or parameter."""
    return re.sub(r"[^\w./ :-]", "_", name)
