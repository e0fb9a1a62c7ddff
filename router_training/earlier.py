"""What an earlier router left in the folder that a new one is written to: a stale part must not be read with new ones."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from router_training.answer_model import KIND as ANSWERS
from router_training.contract import DataError, UsageError
from router_training.joint_model import JOINT_FOLDER, KIND as JOINT
from router_training.learning.policy_files import ARRAYS_FILE, MANIFEST_FILE, read_manifest
from router_training.policy import KIND as POLICY
from router_training.reporting.files import COMPARISON

BESIDE = ("joint.json", "joint.png", COMPARISON, "strategies.json", "strategies.png")
"""What is said of a router by some commands only, and would outlive it."""


def remove_earlier(folder: Path) -> str | None:
    """Remove what a new router may not overwrite of the one in `folder`; nothing that Pointsman did not write.

    Returns:
        One sentence that says which router was there; None where there was none.

    Raises:
        UsageError: if a file cannot be removed.
    """
    was = _described(folder)
    answers = folder / "answer_model"
    try:
        _remove_model(answers / JOINT_FOLDER, JOINT)
        _remove_model(answers, ANSWERS)
        for name in BESIDE if was is not None else ():
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be cleared ({error.strerror}); name another folder") from error
    return was


def _described(folder: Path) -> str | None:
    if not (folder / "policy" / MANIFEST_FILE).is_file():
        return None
    try:
        about = read_manifest(folder / "policy", POLICY).get("metadata", {})
    except DataError:
        return f"What was in {folder}, a router that cannot be read, has been replaced."
    digest = str(about.get("data_digest"))[:12]
    return (
        f"The router that was in {folder}, trained on {about.get('n_tasks', 0):,} tasks (data digest {digest}), "
        "has been replaced."
    )


def _remove_model(folder: Path, kind: str) -> None:
    """Remove a saved model, and its folder where nothing else lies in it."""
    try:
        read_manifest(folder, kind)
    except DataError:
        return
    for name in (MANIFEST_FILE, ARRAYS_FILE):
        (folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # somebody keeps something there
        folder.rmdir()
