"""`pointsman label`: make a labelled data set of your own, or the starter set again."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from router_training.contract import UsageError

if TYPE_CHECKING:
    from router_training.contract import Catalogue, ModelCard, Task

Models = Annotated[
    Path, typer.Option("--models", help="Model cards with prices and base URLs (models.toml).")
]
Out = Annotated[Path, typer.Option("--out", help="Folder for journal, tasks and outcomes.")]
Tasks = Annotated[
    Path | None, typer.Option("--tasks", help="Tasks as JSONL. Default: the starter tasks, drawn again.")
]
Gguf = Annotated[
    list[str] | None,
    typer.Option("--gguf", help="MODEL=PATH: serve this GGUF on this machine for the cards of that model."),
]


def label(
    models: Models,
    out: Out,
    tasks: Tasks = None,
    gguf: Gguf = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first so many tasks.")] = None,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, help="Requests in flight.")] = 8,
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Run the Python that models wrote, in a limited process.")
    ] = False,
    usd_per_hour: Annotated[
        float | None,
        typer.Option(
            "--usd-per-hour",
            help="Where prices are machine time: write the seconds that a call's price buys, not those measured "
            "while many calls shared the machine.",
        ),
    ] = None,
    regrade: Annotated[
        bool, typer.Option("--regrade", help="Grade the journal again and ask no model.")
    ] = False,
) -> None:
    """Ask models a set of tasks, grade the answers and write an outcome table; continues where it was cut."""
    from router_training import labelling
    from router_training.catalogue import load_catalogue

    chosen, catalogue = _tasks(tasks), dict(load_catalogue(models))
    with ExitStack() as stack:
        if not regrade:
            catalogue = _served(stack, catalogue, gguf or [])
        bar = stack.enter_context(Progress(console=Console(stderr=True)))
        row = bar.add_task("asking", total=None)
        outcomes = labelling.label(
            chosen,
            catalogue,
            out,
            concurrency=concurrency,
            limit=limit,
            allow_code=allow_code,
            source="starter" if tasks is None else tasks.stem,
            usd_per_hour=usd_per_hour,
            ask_models=not regrade,
            progress=lambda done, total: bar.update(row, completed=done, total=total),
        )
    graded = sum(outcome.quality is not None for outcome in outcomes)
    Console().print(f"{len(outcomes)} outcomes, {graded} graded, in {out / 'outcomes.parquet'}")


def datasheet(
    folder: Annotated[Path, typer.Argument(help="A folder with tasks.jsonl and outcomes.parquet.")],
) -> None:
    """Print the tables of a data set's datasheet as Markdown."""
    from router_training.datasheet import datasheet as tables

    typer.echo(tables(folder))


def _tasks(path: Path | None) -> list[Task]:
    from router_training import labelling, starter_tasks

    return labelling.read_tasks(path) if path else [row.task for row in starter_tasks.make_tasks()]


def _served(stack: ExitStack, catalogue: Catalogue, gguf: list[str]) -> dict[str, ModelCard]:
    """Start a server per GGUF and point its cards there.

    Raises:
        UsageError: if an entry is not MODEL=PATH, or no card has that model.
    """
    from router_training.local_models import served

    cards = dict(catalogue)
    for entry in gguf:
        model, _, path = entry.partition("=")
        mine = [name for name, card in cards.items() if model in (name, card.model)]
        if not path or not mine:
            raise UsageError(f"--gguf {entry!r}: write MODEL=PATH, MODEL being a card's name or its model")
        url = stack.enter_context(served(Path(path)))
        cards |= {name: replace(cards[name], base_url=url) for name in mine}
    return cards
