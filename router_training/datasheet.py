"""What a data set's datasheet says in figures, computed from its files: never typed by hand."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from router_training.contract import DataError

if TYPE_CHECKING:
    import pandas as pd


def datasheet(folder: Path | str) -> str:
    """Return the tables of a labelled folder (`tasks.jsonl`, `outcomes.parquet`) as Markdown.

    Raises:
        DataError: if one of the files is missing.
    """
    from router_training.labelling import read_tasks
    from router_training.outcomes import load_outcomes

    place = Path(folder)
    one, parts = place / "outcomes.parquet", place / "outcomes"
    data = parts if parts.is_dir() and not one.is_file() else one
    if not data.exists():
        raise DataError(f"{data} is missing; label the tasks first")
    frame = load_outcomes(data).frame
    graders: dict[str, set[str]] = defaultdict(set)
    for task in read_tasks(place / "tasks.jsonl"):
        graders[str(task.task_type)].add(str(task.grader))
    missing = int(frame["quality"].isna().sum())
    tasks, families = frame["task_id"].nunique(), frame["task_type"].nunique()
    lead = f"{tasks} tasks, {families} families, {len(frame)} outcomes, {missing} of them without a grade."
    return "\n\n".join([lead, _per_model(frame), _per_family(frame, graders), _shares(frame), _files(place)])


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _per_model(frame: pd.DataFrame) -> str:
    rows = []
    for model, part in frame.groupby("model"):
        mean = (
            part[["quality", "cost_usd", "prompt_tokens", "completion_tokens", "latency_s"]]
            .astype(float)
            .mean()
        )
        rows.append(
            [
                str(model),
                f"{mean['quality']:.3f}",
                f"{mean['cost_usd'] * 1000:.4f}",
                f"{mean['prompt_tokens']:.1f}",
                f"{mean['completion_tokens']:.1f}",
                f"{part['latency_s'].median():.2f}",
            ]
        )
    rows.sort(key=lambda row: float(row[2]))
    head = ["model", "accuracy", "USD per 1,000", "tokens in", "tokens out", "median seconds"]
    oracle = frame.pivot_table(index="task_id", columns="model", values="quality").max(axis=1).mean()
    return _table(head, [*rows, ["oracle (the cheapest right model)", f"{oracle:.3f}", *[""] * 4]])


def _per_family(frame: pd.DataFrame, graders: Mapping[str, set[str]]) -> str:
    import pandas as pd

    grid = frame.pivot_table(index="task_type", columns="model", values="quality")
    grid = grid.reindex(columns=list(frame.groupby("model")["cost_usd"].mean().sort_values().index))
    counts = frame.groupby("task_type")["task_id"].nunique()
    rows = [
        [
            str(family),
            ", ".join(sorted(graders[str(family)])),
            str(counts[family]),
            *("" if pd.isna(value) else f"{value:.2f}" for value in row),
        ]
        for family, row in zip(grid.index, grid.to_numpy(), strict=True)
    ]
    return _table(["family", "grader", "tasks", *map(str, grid.columns)], rows)


def _shares(frame: pd.DataFrame) -> str:
    grid = frame.pivot_table(index="task_id", columns="model", values="quality")
    right = Counter(int(count) for count in grid.sum(axis=1))
    rows = [[str(count), str(right[count])] for count in sorted(right)]
    return _table(["models that are right", "tasks"], rows)


def _files(folder: Path) -> str:
    parts = sorted(folder.glob("outcomes/part-*.parquet"))
    files = [folder / "outcomes.parquet", *parts, folder / "tasks.jsonl"]
    rows = [
        [str(path.relative_to(folder)), f"{path.stat().st_size:,}", _sha256(path)]
        for path in files
        if path.is_file()
    ]
    return _table(["file", "bytes", "SHA-256"], rows)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
