"""The registry: which version of the router serves, and where its files lie. Imported by `tracking` alone, which sets MLflow's environment first."""

from __future__ import annotations

from pathlib import Path

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException

from router_training.contract import DataError, UsageError
from router_training.records.versions import ChampionPolicy

REGISTERED = "router"
CHAMPION = "champion"
PREVIOUS = "previous"


class Registry:
    """Versions of the router in the registry of one MLflow address."""

    def __init__(self, uri: str, client: MlflowClient) -> None:
        self.uri = uri
        self._client = client

    def set_alias(self, version: str, alias: str = CHAMPION) -> None:
        """Point an alias of the registered router at a version."""
        self._client.set_registered_model_alias(REGISTERED, alias, version)

    def promote(self, version: str) -> None:
        """Make a version the champion; the one that served until now becomes `previous`."""
        serving = self._aliases().get(CHAMPION)
        if serving is not None and serving != version:
            self.set_alias(serving, PREVIOUS)
        self.set_alias(version, CHAMPION)

    def roll_back(self) -> tuple[str, str]:
        """Swap champion and previous; return the versions that served and that serve now.

        Raises:
            UsageError: if there is no previous champion.
        """
        aliases = self._aliases()
        if CHAMPION not in aliases or PREVIOUS not in aliases:
            raise UsageError(
                "there is no previous champion to go back to; one appears when another is promoted"
            )
        self.promote(aliases[PREVIOUS])
        return aliases[CHAMPION], aliases[PREVIOUS]

    def champion(self, download_dir: Path | None = None) -> ChampionPolicy | None:
        """Return the policy under the alias `champion`, or None where there is none.

        Records on this machine are read where they lie; others are fetched into `download_dir`.

        Raises:
            DataError: The registry names a champion whose files cannot be read.
        """
        version = self._aliases().get(CHAMPION)
        if version is None:
            return None
        run_id = str(self._client.get_model_version(REGISTERED, version).run_id)
        target = None if download_dir is None else str(download_dir)
        source = f"{self._client.get_run(run_id).info.artifact_uri}/router"
        try:
            folder = Path(download_artifacts(artifact_uri=source, dst_path=target, tracking_uri=self.uri))
        except (MlflowException, OSError) as error:
            lies_with_server = source.startswith("mlflow-artifacts:") and not self.uri.startswith("http")
            remedy = (
                "give that server's address as MLFLOW_TRACKING_URI" if lies_with_server else "train it again"
            )
            raise DataError(
                f"the files of router version {version} cannot be read at {source} ({error}); {remedy}"
            ) from error
        answers = folder / "answer_model"
        return ChampionPolicy(folder / "policy", version, run_id, answers if answers.is_dir() else None)

    def _aliases(self) -> dict[str, str]:
        try:
            model = self._client.get_registered_model(REGISTERED)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return {}
            raise
        return {alias: str(version) for alias, version in model.aliases.items()}

    def register(self, run_id: str) -> str:
        """Create the next version of the registered router from a run's folder `router`; return the version."""
        try:
            self._client.create_registered_model(REGISTERED)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"{self._client.get_run(run_id).info.artifact_uri}/router"
        return str(self._client.create_model_version(REGISTERED, source, run_id).version)
