"""A version of the router in the registry, as seen from here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A training run and the version under which the registry keeps its policy."""

    run_id: str
    version: str


@dataclass(frozen=True, slots=True)
class ChampionPolicy:
    """The policy that serves, as folders on this machine; `answer_model_path` is None where none was logged."""

    path: Path
    version: str
    run_id: str
    answer_model_path: Path | None = None
