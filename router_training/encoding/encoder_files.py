"""The folder of an exported encoder: `model.onnx`, `tokenizer.json` and `encoder.json`, bound by one digest."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from router_training.contract import DataError
from router_training.encoding.encoder_source import file_sha256

MODEL_FILE, TOKENIZER_FILE, SETTINGS_FILE = "model.onnx", "tokenizer.json", "encoder.json"
REMEDY = "train the policy again, or clear the cache folder and load the encoder anew"


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """What serving must know of an exported model.

    `max_tokens` counts the special tokens; `prefix` is put before every text (some models want "query: ").
    """

    name: str
    precision: str
    dim: int
    max_tokens: int
    inputs: tuple[str, ...]
    prefix: str = ""


def write_settings(folder: Path, settings: EncoderSettings) -> None:
    """Write `encoder.json` beside the two files that it describes."""
    fields = {**asdict(settings), "digest": _digest(folder, settings)}
    (folder / SETTINGS_FILE).write_text(json.dumps(fields, indent=2) + "\n", encoding="utf-8")


def read_settings(folder: Path) -> tuple[EncoderSettings, str]:
    """Return the settings and the digest of an exported encoder.

    Raises:
        DataError: if a file is missing or is not what was exported.
    """
    try:
        fields = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
        recorded = fields.pop("digest")
        settings = EncoderSettings(**{**fields, "inputs": tuple(fields["inputs"])})
        digest = _digest(folder, settings)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{folder} holds no exported encoder ({error}); {REMEDY}") from error
    if digest != recorded:
        raise DataError(f"the encoder in {folder} is not the one that was saved (digest differs); {REMEDY}")
    return settings, digest


def copy_files(source: Path, target: Path) -> None:
    """Copy an exported encoder to the folder `target`, which is made when it does not exist."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        if target.samefile(source):
            return
        for name in (MODEL_FILE, TOKENIZER_FILE, SETTINGS_FILE):
            shutil.copyfile(source / name, target / name)
    except OSError as error:
        raise DataError(f"cannot copy the encoder from {source} to {target}: {error}; {REMEDY}") from error


def _digest(folder: Path, settings: EncoderSettings) -> str:
    parts = [file_sha256(folder / MODEL_FILE), file_sha256(folder / TOKENIZER_FILE)]
    parts.append(json.dumps(asdict(settings), sort_keys=True))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
