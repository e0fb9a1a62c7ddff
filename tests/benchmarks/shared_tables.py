"""The outcome tables that benchmarks read: public ones that lie beside the repository, and the starter in it."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from router_training.catalogue import catalogue_from_outcomes, load_catalogue
from router_training.contract import Catalogue
from router_training.outcomes import OutcomeTable, load_outcomes

ROOT = Path(__file__).resolve().parents[2]
FOLDER_VARIABLE = "POINTSMAN_SHARED_TABLES"
SHARED = ("zeroeval9", "mmlu_pro6", "routellm2")
STARTER = "starter"
TABLES = (*SHARED, STARTER)
PREFIX = 200


def tables_folder() -> Path:
    """Return where the public tables lie: FOLDER_VARIABLE, or ../shared/data from the repository's root."""
    return Path(os.environ.get(FOLDER_VARIABLE) or ROOT.parent / "shared" / "data")


def read_table(name: str) -> OutcomeTable:
    """Return the table called `name` (one of TABLES); the test that asks is skipped where it is absent."""
    path = ROOT / "datasets" / STARTER / "outcomes.parquet"
    if name != STARTER:
        path = tables_folder() / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"{path} is absent; set {FOLDER_VARIABLE} to the folder of {name}.parquet")
    return load_outcomes(path)


def read_catalogue(name: str, table: OutcomeTable) -> Catalogue:
    """Return the prices of the table called `name`: the starter's own, or those that its costs imply."""
    if name == STARTER:
        return load_catalogue(ROOT / "datasets" / STARTER / "models.toml")
    return catalogue_from_outcomes(table)


def prefix_groups(table: OutcomeTable) -> np.ndarray:
    """Return a group number per task, shape (n,): prompts with the same first PREFIX characters share one.

    Unlike `OutcomeTable.groups` it knows no templates: 800 tasks of zeroeval9 that begin with one instruction are
    one group, and so lie all in training or all in the test.
    """
    starts = np.array([prompt[:PREFIX] for prompt in table.prompts], dtype=object)
    return np.asarray(pd.factorize(starts)[0], dtype=np.int64)


def split_by(groups: np.ndarray, seed: int, test_share: float = 0.4):
    """Return positions (train, test); a group lies on one side, and `test_share` of the groups in the test."""
    order = np.random.default_rng(seed).permutation(groups.max() + 1)
    in_test = np.isin(groups, order[: round(test_share * len(order))])
    return np.flatnonzero(~in_test), np.flatnonzero(in_test)
