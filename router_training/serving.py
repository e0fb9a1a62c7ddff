"""Open a trained router for use: from a folder, or the champion of the registry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from router_training.answer_model import AnswerModel, load_answer_model
from router_training.contract import Catalogue, DataError, UsageError
from router_training.joint_model import JOINT_FOLDER, JointModel, load_joint_model
from router_training.learning.policy_files import ARRAYS_FILE, MANIFEST_FILE
from router_training.listing import listed
from router_training.policy import Policy, load_policy

if TYPE_CHECKING:
    from router_training.outcomes import OutcomeTable


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


def open_for(table: OutcomeTable, folder: Path | None = None, catalogue: Catalogue | None = None) -> Opened:
    """Return what `open_router` does, for use on outcomes of the models that the router chooses among.

    Raises:
        DataError: as `open_router`; if the table has no outcomes of one of the models, or the catalogue lacks one.
        UsageError: as `open_router`.
    """
    opened = open_router(folder)
    require_outcomes(
        opened.policy,
        f"this router ({opened.origin})",
        table,
        f"pass with --router the folder of one that does, or train one: `pointsman train {table.origin}`",
    )
    return opened if catalogue is None else replace(opened, policy=opened.policy.with_catalogue(catalogue))


def require_outcomes(policy: Policy, who: str, table: OutcomeTable, remedy: str) -> None:
    """Check that a table has outcomes of every model that a policy chooses among.

    Raises:
        DataError: if it has none, or of some only, with the remedy.
    """
    known = [name for name in policy.models if name in table.models]
    if len(known) == len(policy.models):
        return
    has = f"only {listed(known)}" if known else "none"
    raise DataError(
        f"{who} chooses among {listed(policy.models)}, of which {table.origin} has {has} "
        f"(its models are {listed(table.models)}); {remedy}"
    )


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
