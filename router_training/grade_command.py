"""`pointsman grade`: grade a table's answers again, without asking a model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router_training.contract import UsageError


def grade(
    table: Annotated[
        Path | None, typer.Argument(help="Outcomes with responses: .csv, .jsonl or .parquet.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where to write. Default: beside TABLE, with -graded in its name."),
    ] = None,
    tasks: Annotated[
        Path | None,
        typer.Option(
            "--tasks", help="Tasks with references and graders. Default: tasks.jsonl beside TABLE, if there."
        ),
    ] = None,
    grader: Annotated[
        str | None,
        typer.Option(
            "--grader", help="Grade all answers with this one: a name, or module:function of yours."
        ),
    ] = None,
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Run the Python that models wrote, in a limited process.")
    ] = False,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes that grade; 0: one per processor.")
    ] = 0,
) -> None:
    """Grade a table's answers again, without asking a model; without TABLE, list the graders.

    Rows without an answer, or whose task names no grader, stay as they are.

    Example: pointsman grade runs/mine/outcomes.parquet --grader numeric
    """
    from router_training import graders
    from router_training.labels.grading import Grading
    from router_training.labels.pages import checked_grader
    from router_training.labels.regrading import regrade
    from router_training.labels.task_files import read_task_file

    console = Console()
    if table is None:
        listed, limits = (
            Table("grader", "what it accepts", "what it cannot judge", show_lines=True),
            graders.limits(),
        )
        for name, first in graders.described().items():
            listed.add_row(name, escape(first), escape(limits[name]))
        console.print(listed)
        console.print(
            "A grade of your own: module:function or file.py:function. What a model thinks of an answer: pointsman judge.",
            soft_wrap=True,
        )
        return
    target = out or table.with_name(f"{table.stem}-graded.parquet")
    if target.suffix != ".parquet" or target.resolve() == table.resolve():
        raise UsageError(f"--out {target} must be another file than TABLE, and end in .parquet; name one")
    beside = table.parent / "tasks.jsonl"
    source = tasks or (beside if beside.is_file() else None)
    known = {} if source is None else {task.task_id: task for task in read_task_file(source).tasks}
    if not known and grader is None:
        raise UsageError(
            f"{table} does not say how to grade it; name --grader, or --tasks whose tasks name theirs"
        )
    trusted = frozenset({grader} if grader else ())
    how = Grading(allow_code=allow_code, trusted=trusted, workers=workers or os.cpu_count() or 1)
    found = regrade(table, target, known, checked_grader(grader), how)
    console.print(
        f"{found.n:,} outcomes: {found.graded:,} graded, {found.changed:,} of them otherwise than before, "
        f"{found.ungraded:,} could not be judged, {found.kept:,} left as they were; in {target}",
        soft_wrap=True,
    )
    if found.rejected:
        console.print(
            f"{found.rejected:,} rows could not be read and are listed in {target.parent / 'rejected.jsonl'}",
            style="yellow",
            soft_wrap=True,
        )
