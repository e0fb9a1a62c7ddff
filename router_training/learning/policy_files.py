"""The folder of a saved policy: `manifest.json`, `arrays.npz` and `encoder/`; plain numbers and text, no pickle."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_training.contract import Catalogue, DataError, ModelCard
from router_training.encoding.encoder_source import file_sha256

FORMAT = 1
MANIFEST_FILE, ARRAYS_FILE = "manifest.json", "arrays.npz"
REMEDY = "save it again, or train it again with `pointsman train`"


def write_folder(
    path: Path, kind: str, manifest: Mapping[str, Any], arrays: Mapping[str, NDArray[np.generic]]
) -> None:
    """Write manifest and arrays into the folder `path`; the manifest comes last, so a torn write shows.

    Raises:
        DataError: if the folder cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        (path / MANIFEST_FILE).unlink(missing_ok=True)
        np.savez_compressed(path / ARRAYS_FILE, allow_pickle=False, **arrays)
        fields = {
            "format": FORMAT,
            "kind": kind,
            "arrays_sha256": file_sha256(path / ARRAYS_FILE),
            **manifest,
        }
        (path / MANIFEST_FILE).write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot write {path}: {error}; name a folder that you can write to") from error


def read_manifest(path: Path, kind: str) -> dict[str, Any]:
    """Return the manifest of a saved folder alone.

    Raises:
        DataError: if it is not such a folder, or of another format.
    """
    try:
        manifest = json.loads((path / MANIFEST_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} holds no saved {kind} ({error}); {REMEDY}") from error
    found = (manifest.get("kind"), manifest.get("format")) if isinstance(manifest, dict) else None
    if found != (kind, FORMAT):
        raise DataError(f"{path} holds {found}, expected ({kind!r}, {FORMAT}); {REMEDY}")
    return dict(manifest)


def read_folder(path: Path, kind: str) -> tuple[dict[str, Any], dict[str, NDArray[np.generic]]]:
    """Return (manifest, arrays) of a saved folder.

    Raises:
        DataError: if it is not such a folder, of another format, or damaged.
    """
    manifest = read_manifest(path, kind)
    try:
        if file_sha256(path / ARRAYS_FILE) != manifest["arrays_sha256"]:
            raise DataError(f"{path / ARRAYS_FILE} is not what was saved (digest differs); {REMEDY}")
        with np.load(path / ARRAYS_FILE, allow_pickle=False) as arrays:
            return manifest, dict(arrays)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is damaged ({type(error).__name__}: {error}); {REMEDY}") from error


def cards_to_rows(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Return model cards as plain rows."""
    lists = ("capabilities", "languages")
    return [
        {**asdict(card), **{key: sorted(getattr(card, key)) for key in lists}, "roles": list(card.roles)}
        for card in catalogue.values()
    ]


def cards_from_rows(rows: list[dict[str, Any]]) -> dict[str, ModelCard]:
    """Rebuild model cards from `cards_to_rows`."""
    cards = [
        ModelCard(
            **{
                **row,
                "capabilities": frozenset(row["capabilities"]),
                "languages": frozenset(row.get("languages", ())),  # cards saved before there were languages
                "roles": tuple(row["roles"]),
            }
        )
        for row in rows
    ]
    return {card.name: card for card in cards}


def plain(value: Any) -> Any:
    """Return the value as JSON knows it: NaN becomes null."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value
