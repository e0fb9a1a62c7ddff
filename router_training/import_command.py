"""`pointsman import`: somebody else's table or log becomes an outcome table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router_training.contract import UsageError

if TYPE_CHECKING:
    from router_training.importing.gathering import Gathered

SHOWN_COLUMNS = 40


def import_outcomes(
    name: Annotated[
        str | None, typer.Argument(metavar="FORMAT", help="A format; without it, their list.")
    ] = None,
    path: Annotated[Path | None, typer.Argument(help="A file of that format, or a folder of them.")] = None,
    out: Annotated[Path, typer.Option("--out", help="The outcome table to write.")] = Path(
        "outcomes.parquet"
    ),
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column", help='What a column holds: "Frage=prompt", "A=gpt-4:quality", "note=ignore".'
        ),
    ] = None,
    full_marks: Annotated[
        float, typer.Option("--full-marks", min=1e-9, help="The highest grade: 100 for percent, 5 for stars.")
    ] = 1.0,
    score: Annotated[
        str | None, typer.Option("--score", help="Which score or assessment of a log is the grade.")
    ] = None,
    prompts: Annotated[
        Path | None,
        typer.Option("--prompts", help="Where the prompts stand, if the answers do not carry them."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take the guessed columns without a question.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the table that is there.")] = False,
    trust_pickle: Annotated[
        bool, typer.Option("--trust-pickle", help="Read a pickle, which may run any code that it holds.")
    ] = False,
) -> None:
    """Turn a table or log of other programs into outcomes to train on.

    What was fine is kept; what was not is listed in rejected.jsonl beside the table, with file, row and reason. Failed
    calls are missing answers with a reason, never quality 0.

    Example: pointsman import wide prompts.csv --out outcomes.parquet
    """
    from router_training import importers
    from router_training.importing.cells import Choices
    from router_training.importing.gathering import gather

    console = Console()
    if name is None:
        console.print(_formats(importers.described()))
        return
    read = importers.load(name)
    if path is None:
        raise UsageError(f"what should be imported? Name the file: pointsman import {name} PATH")
    choices = Choices(
        columns=columns_said(column),
        score=score,
        prompts=prompts,
        trust_pickle=trust_pickle,
        agree=lambda rows, doubts: _agree(console, rows, doubts, yes),
    )
    found = gather(read(path, choices), out, full_marks=full_marks, overwrite=overwrite)
    _summary(console, found)


def columns_said(options: list[str] | None) -> dict[str, str]:
    """Return what the options --column NAME=ROLE say, by column.

    Raises:
        UsageError: if one has another form.
    """
    said = {}
    for option in options or ():
        column, equals, role = option.rpartition("=")
        if not (column and equals and role):
            raise UsageError(
                f'--column {option!r} is not NAME=ROLE; write "Frage=prompt" or "A=gpt-4:quality"'
            )
        said[column] = role
    return said


def _formats(described: dict[str, str]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("format", no_wrap=True)
    table.add_column("what it is")
    for name, line in described.items():
        table.add_row(name.replace("_", "-"), escape(line))
    return table


def _agree(console: Console, rows: list[tuple[str, str, str]], doubts: list[str], yes: bool) -> None:
    """Show what the columns are taken for, and ask where that is unsure.

    Raises:
        UsageError: if the user says no, or cannot be asked.
    """
    table = Table(box=None, pad_edge=False)
    for heading in ("column", "taken for", "for example"):
        table.add_column(heading, overflow="fold")
    for row in rows[:SHOWN_COLUMNS]:
        table.add_row(*(escape(part) for part in row))
    console.print(table)
    if len(rows) > SHOWN_COLUMNS:
        console.print(f"... and {len(rows) - SHOWN_COLUMNS:,} more columns")
    for doubt in doubts:
        console.print(f"Unsure: {doubt}.", markup=False)
    if not doubts or yes:
        return
    try:
        right = typer.confirm("Is this right?")
    except typer.Abort as error:
        raise UsageError(
            "nobody can be asked here; say --yes to take this guess, or --column NAME=ROLE"
        ) from error
    if not right:
        raise UsageError(
            'say what the columns hold, for example --column "Frage=prompt" --column "A=gpt-4:quality"'
        )


def _summary(console: Console, found: Gathered) -> None:
    console.print(
        f"{found.n_outcomes:,} outcomes of {len(found.tasks):,} tasks and {len(found.models):,} models are in {found.out}, "
        f"{found.n_graded:,} of them graded."
    )
    for reason, count in found.errors.most_common(3):
        console.print(f"Failed calls, which are missing answers: {count:,} x {reason}", markup=False)
    if found.first is not None:
        console.print(
            f"Left out: {found.n_rejected:,}, listed in {found.rejected_path}; the first: {found.first.place}: "
            f"{found.first.reason}",
            markup=False,
            style="yellow",
        )
    if not found.n_graded:
        console.print("Nothing is graded yet: grade the answers before training.")
