"""The outcome table: what each model did on each task, validated once and then trusted."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from router_training.contract import DataError, FloatArray, Outcome, UsageError
from router_training.tables.near_duplicates import near_duplicate_groups
from router_training.tables.outcome_checks import COLUMNS, NUMBERS, checked
from router_training.tables.outcome_files import frame_rows, read_rows

Indices = NDArray[np.int64]
ROWS_AT_ONCE = 200_000


@dataclass(frozen=True, eq=False)
class OutcomeTable:
    """Outcomes of n tasks and m models; matrices have shape (n, m) with NaN (or None) where missing.

    `frame` is the long form (one row per task and model, the columns of `Outcome`), grouped by task in
    the order of `task_ids`. `models` also lists models of the full table that a part has no row of.
    Build it with `load_outcomes`, `from_frame` or `from_outcomes`: they validate; this constructor trusts.
    """

    frame: pd.DataFrame
    models: tuple[str, ...]
    origin: str = "the outcomes"

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, origin: str = "the outcomes") -> OutcomeTable:
        """Validate a long frame and sort it by task and model.

        Raises:
            DataError: at the first rule that the frame breaks, naming `origin` and the row.
        """
        valid = checked(frame_rows(frame, origin))
        return cls(valid, _models(valid), origin)

    @classmethod
    def from_outcomes(cls, outcomes: Iterable[Outcome], origin: str = "the outcomes") -> OutcomeTable:
        """Validate outcomes and sort them by task and model.

        Raises:
            DataError: at the first rule that the outcomes break.
        """
        records = [asdict(outcome) for outcome in outcomes]
        return cls.from_frame(pd.DataFrame(records, columns=list(COLUMNS), dtype=object), origin)

    def __len__(self) -> int:
        return len(self.task_ids)

    @cached_property
    def _task_codes(self) -> tuple[Indices, list[str]]:
        codes, names = pd.factorize(self.frame["task_id"])
        return np.asarray(codes, dtype=np.int64), [str(name) for name in names]

    @cached_property
    def _model_codes(self) -> Indices:
        position = {name: j for j, name in enumerate(self.models)}
        return np.asarray(self.frame["model"].map(position), dtype=np.int64)

    @cached_property
    def task_ids(self) -> NDArray[np.object_]:
        """Task ids in the order of every other attribute, shape (n,)."""
        return np.asarray(self._task_codes[1], dtype=object)

    @cached_property
    def prompts(self) -> list[str]:
        """One prompt per task."""
        return [str(prompt) for prompt in self._per_task("prompt")]

    @cached_property
    def task_types(self) -> list[str | None]:
        """One task type per task, None where unknown."""
        return self._per_task("task_type")

    @cached_property
    def references(self) -> list[str | None]:
        """One reference answer per task, None where unknown."""
        return self._per_task("reference")

    @cached_property
    def sources(self) -> list[str | None]:
        """Where each task comes from, None where unknown."""
        return self._per_task("source")

    @cached_property
    def quality(self) -> FloatArray:
        """Quality in [0, 1], shape (n, m)."""
        return self._matrix("quality")

    @cached_property
    def cost_usd(self) -> FloatArray:
        """USD paid for each answer, shape (n, m)."""
        return self._matrix("cost_usd")

    @cached_property
    def latency_s(self) -> FloatArray:
        """Seconds that each answer took, shape (n, m)."""
        return self._matrix("latency_s")

    @cached_property
    def prompt_tokens(self) -> FloatArray:
        """Tokens read, shape (n, m)."""
        return self._matrix("prompt_tokens")

    @cached_property
    def completion_tokens(self) -> FloatArray:
        """Tokens written, shape (n, m)."""
        return self._matrix("completion_tokens")

    @cached_property
    def responses(self) -> NDArray[np.object_]:
        """Answers as text, shape (n, m), None where missing."""
        matrix = np.full((len(self), len(self.models)), None, dtype=object)
        matrix[self._task_codes[0], self._model_codes] = _objects(self.frame["response"])
        return matrix

    @cached_property
    def groups(self) -> Indices:
        """Group number per task, shape (n,): near-duplicate prompts share one."""
        return near_duplicate_groups(self.prompts)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the content; the order of rows and columns changes nothing."""
        names = self.frame[["task_id", "model"]].reset_index(drop=True)
        order = names.sort_values(["task_id", "model"], kind="stable").index.to_numpy()
        digest = hashlib.sha256()
        for name in COLUMNS:
            digest.update(name.encode())
            if name in NUMBERS:
                digest.update(np.asarray(self.frame[name], dtype="<f8")[order].tobytes())
                continue
            for values in _pieces(self.frame[name], order):
                lengths = [-1 if value is None else len(value) for value in values]
                digest.update(np.asarray(lengths, dtype="<i8").tobytes())
            for values in _pieces(self.frame[name], order):
                digest.update("".join(value for value in values if value is not None).encode())
        return digest.hexdigest()

    def take(self, tasks: Sequence[int] | Indices) -> OutcomeTable:
        """Return the tasks at these positions, in this order, with the same `models`.

        Raises:
            UsageError: if a position is repeated.
        """
        positions = np.asarray(tasks, dtype=np.int64)
        rank = np.full(len(self), -1, dtype=np.int64)
        rank[positions] = np.arange(len(positions))
        if (rank >= 0).sum() != len(positions):
            raise UsageError("take() got a task twice; outcomes are unique per task and model")
        row_rank = rank[self._task_codes[0]]
        order = np.argsort(row_rank, kind="stable")
        kept = order[row_rank[order] >= 0]
        return OutcomeTable(self.frame.iloc[kept].reset_index(drop=True), self.models, self.origin)

    def split(self, test_share: float = 0.4, seed: int = 0) -> tuple[OutcomeTable, OutcomeTable]:
        """Return (train, test); near-duplicate prompts stay on one side; test holds about `test_share`.

        Raises:
            UsageError: if `test_share` does not lie strictly between 0 and 1.
            DataError: if all tasks are near-duplicates of one another.
        """
        if not 0.0 < test_share < 1.0:
            raise UsageError(f"test_share is {test_share:g}, but must lie between 0 and 1, for example 0.4")
        sizes = np.bincount(self.groups)
        if len(sizes) < 2:
            raise DataError(
                f"{self.origin} holds only one task, but for near-duplicates; "
                "a split needs at least two different prompts: add tasks"
            )
        order = np.random.default_rng(seed).permutation(len(sizes))
        middle = np.cumsum(sizes[order]) - sizes[order] / 2
        n_test = int(np.clip((middle <= test_share * len(self)).sum(), 1, len(sizes) - 1))
        in_test = np.isin(self.groups, order[:n_test])
        return self.take(np.flatnonzero(~in_test)), self.take(np.flatnonzero(in_test))

    def concat(self, other: OutcomeTable) -> OutcomeTable:
        """Return both tables as one; where both hold a task and model, this table's row stays.

        Raises:
            DataError: if a task id stands for different prompts in the two.
        """
        both = pd.concat([self.frame, other.frame], ignore_index=True)
        both = both.drop_duplicates(["task_id", "model"], keep="first", ignore_index=True)
        return OutcomeTable.from_frame(both, f"{self.origin} with {other.origin}")

    def to_parquet(self, path: str | Path) -> None:
        """Write the long form; `load_outcomes` reads it back with the same digest."""
        self.frame.to_parquet(path, index=False)

    def _per_task(self, name: str) -> list[str | None]:
        known = self.frame[name].groupby(self._task_codes[0]).first()
        return list(_objects(known))

    def _matrix(self, name: str) -> FloatArray:
        matrix = np.full((len(self), len(self.models)), np.nan)
        matrix[self._task_codes[0], self._model_codes] = self.frame[name].to_numpy(dtype=np.float64)
        return matrix


def load_outcomes(path: str | Path) -> OutcomeTable:
    """Read and validate a CSV, JSONL or Parquet file of outcomes.

    Raises:
        DataError: at the first rule that the file breaks, naming file and row.
    """
    try:
        rows = read_rows(path)
        frame = checked(rows)
    except DataError as error:
        if not str(error).startswith(f"{path}, "):
            raise
        raise DataError(
            f"{error}; or keep the rows that are fine: pointsman import outcomes {shlex.quote(str(path))} --out good.parquet"
        ) from error
    return OutcomeTable(frame, _models(frame), rows.origin)


def require_routable(table: OutcomeTable) -> None:
    """Check that there is something to choose from, and something to learn the choice from.

    Raises:
        DataError: if fewer than two models, or fewer than two different tasks, have a grade.
    """
    graded = ~np.isnan(table.quality)
    models = [name for j, name in enumerate(table.models) if graded[:, j].any()]
    if len(models) < 2:
        raise DataError(
            f"{table.origin} grades only one model ({models[0]}); a router chooses between at least two: "
            "add outcomes of another model on the same tasks"
        )
    n_prompts = len(np.unique(table.groups[graded.any(axis=1)]))
    if n_prompts < 2:
        raise DataError(
            f"{table.origin} grades only one task, but for near-duplicates; "
            "a router learns from many: add outcomes on other prompts (some hundreds are a start)"
        )


def _models(frame: pd.DataFrame) -> tuple[str, ...]:
    return tuple(sorted(str(name) for name in frame["model"].unique()))


def _pieces(column: pd.Series[Any], order: Indices) -> Iterator[NDArray[np.object_]]:
    """Yield the values in this order, so many at a time."""
    for start in range(0, len(order), ROWS_AT_ONCE):
        yield _objects(column.take(order[start : start + ROWS_AT_ONCE]))


def _objects(column: pd.Series[Any]) -> NDArray[np.object_]:
    return np.asarray(column.astype(object).where(column.notna(), None), dtype=object)
