"""`pointsman tasks`: tasks to label, from data sets that exist."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router_training.contract import DataError, Task, UsageError
from router_training.import_command import columns_said
from router_training.importing.records import Record, Rejected

if TYPE_CHECKING:
    from router_training.importing.tasks_from_columns import TaskColumns

app = typer.Typer(no_args_is_help=True, help="Tasks to label: from a data set of Hugging Face.")
SAMPLE = 50


@app.command("from-hf")
def from_hf(
    name: Annotated[
        str, typer.Argument(help="A name on the hub (openai/gsm8k), or a folder on this machine.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The file of tasks to write.")] = Path("tasks.jsonl"),
    split: Annotated[
        str | None, typer.Option("--split", help="Default: test, else validation, else train.")
    ] = None,
    config: Annotated[
        str | None, typer.Option("--config", help="Which configuration of the data set.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column", help='What a column holds: "Frage=prompt", "loesung=reference", "wahl=choices".'
        ),
    ] = None,
    grader: Annotated[
        str | None,
        typer.Option("--grader", help="How answers are graded. Default: by what the right answers are."),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first so many.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the tasks that are there.")] = False,
) -> None:
    """Make tasks of a Hugging Face data set: fetched from the hub, or as `save_to_disk` left it in a folder.

    Choices are put below the question; the right answer becomes what the grader reads. No code of the data set runs.

    Example: pointsman tasks from-hf openai/gsm8k --config main --limit 300
    """
    from router_training import graders
    from router_training.importing.saved_datasets import fetch, saved_records
    from router_training.importing.tasks_from_columns import guess_columns

    if grader is not None:
        graders.load(grader)
    if out.exists() and not overwrite:
        raise UsageError(f"{out} exists; name another file, or say --overwrite")
    said = columns_said(column)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(name) if Path(name).is_dir() else fetch(name, Path(scratch), config=config)
        records = saved_records(folder, split)
        first = list(islice(records, SAMPLE))
        readable = [record for record in first if isinstance(record, Record)]
        if not readable:
            raise DataError(f"{name} has no row that can be read; choose another split")
        columns = guess_columns(readable, said, grader)
        _show(Console(), columns)
        _write(chain(first, records), columns, out, Path(name).name, limit)


def _show(console: Console, columns: TaskColumns) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("column", "taken for"):
        table.add_column(heading)
    for role, column in columns.names.items():
        table.add_row(escape(column), role)
    console.print(table)
    console.print(f"Graded by {columns.grader}.")


def _write(
    records: Iterator[Record | Rejected], columns: TaskColumns, out: Path, source: str, limit: int | None
) -> None:
    """Write tasks, each id once, and list what was left out beside them."""
    from router_training.importing.tasks_from_columns import task_of

    known: set[str] = set()
    rejects: list[dict[str, object]] = []
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8") as file:
        for record in records:
            if limit is not None and len(known) >= limit:
                break
            made = record if isinstance(record, Rejected) else task_of(record, columns, source)
            if isinstance(made, Task) and made.task_id not in known:
                known.add(made.task_id)
                names = ("task_id", "task_type", "prompt", "reference", "grader")
                file.write(
                    json.dumps({name: getattr(made, name) for name in names}, ensure_ascii=False) + "\n"
                )
                continue
            reason = (
                made.reason
                if isinstance(made, Rejected)
                else f"another row has the id {made.task_id!r} as well"
            )
            rejects.append(
                {"file": record.place.file, record.place.unit: record.place.number, "reason": reason}
            )
    Console().print(f"{len(known):,} tasks are in {out}.")
    if rejects:
        path = out.parent / "rejected.jsonl"
        path.write_text(
            "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in rejects),
            encoding="utf-8",
            errors="backslashreplace",
        )
        Console().print(
            f"{len(rejects):,} rows were left out and are listed in {path}; the first: {rejects[0]['reason']}"
        )
    if not known:
        raise DataError(
            f"no row of {source} became a task; say what the columns hold with --column NAME=ROLE"
        )
