"""Open a trained router for use: from a folder, or the champion of the registry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from router_training.answer_model import AnswerModel, load_answer_model
from router_training.contract import Catalogue, UsageError
from router_training.joint_model import JOINT_FOLDER, JointModel, load_joint_model
from router_training.learning.policy_files import ARRAYS_FILE, MANIFEST_FILE
from router_training.policy import Policy, load_policy


@dataclass(frozen=True)
class Opened:
    """A router ready for use; `answer_model` is None where it was trained without answers, `joint` where few were compared."""

    policy: Policy
    answer_model: AnswerModel | None
    joint: JointModel | None
    origin: str


def open_router(folder: Path | None = None, catalogue: Catalogue | None = None) -> Opened:
    """Return the router in `folder`, or the registry's champion.

    Raises:
        DataError: if the folder holds no router that can be read.
        UsageError: if no folder is given and there is no champion.
    """
    if folder is not None:
        return _read(folder / "policy", folder / "answer_model", str(folder), catalogue)
    from router_training.tracking import open_store  # spares mlflow, 2 s, where a folder is given

    store = open_store()
    champion = store.champion()
    if champion is None:
        raise UsageError(
            f"the registry at {store.place} has no champion; train a router that beats every constant "
            "(pointsman train DATA), or name a router's folder with --router"
        )
    origin = f"champion, version {champion.version}"
    opened = _read(champion.path, champion.answer_model_path, origin, catalogue)
    return replace(opened, policy=versioned(opened.policy, champion.version))


def versioned(policy: Policy, version: str) -> Policy:
    """Return the policy with the registry's version in its metadata, so that every request can name it."""
    return replace(policy, metadata={**policy.metadata, "policy_version": version})


def _read(policy: Path, answers: Path | None, origin: str, catalogue: Catalogue | None) -> Opened:
    answer_model = load_answer_model(answers) if answers is not None and _is_saved(answers) else None
    compared = None if answers is None else answers / JOINT_FOLDER
    joint = load_joint_model(compared) if compared is not None and _is_saved(compared) else None
    return Opened(load_policy(policy, catalogue), answer_model, joint, origin)


def _is_saved(folder: Path) -> bool:
    """Tell whether a model was saved there, even if only in part; what else lies there is no model."""
    return any((folder / name).is_file() for name in (MANIFEST_FILE, ARRAYS_FILE))
