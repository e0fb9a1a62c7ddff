"""`pointsman label`: make a labelled data set of your own, or the starter set again."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from router_training.contract import DataError, UsageError
from router_training.labels.engines import Engine, asker_of
from router_training.labels.pages import (
    checked_grader,
    label_progress,
    print_bill,
    print_summary,
    print_tasks,
)

if TYPE_CHECKING:
    from router_training.contract import Catalogue, ModelCard, Task
    from router_training.labelling import Labelled
    from router_training.labels.asking import Plan, Told
    from router_training.labels.calls import Asker
    from router_training.labels.grading import Grading

Models = Annotated[
    Path, typer.Option("--models", help="Model cards with prices and base URLs (models.toml).")
]
Out = Annotated[Path, typer.Option("--out", help="Folder for journal, tasks and outcomes.")]
Tasks = Annotated[
    Path | None,
    typer.Argument(
        help="Tasks: .jsonl, .csv, .parquet, a folder that Hugging Face datasets saved, or chat logs. Default: the "
        "starter tasks, drawn again."
    ),
]
Gguf = Annotated[
    list[str] | None,
    typer.Option("--gguf", help="MODEL=PATH: serve this GGUF on this machine for the cards of that model."),
]


class Design(StrEnum):
    """How the cells to label are chosen."""

    RANDOM = "random"
    ACTIVE = "active"


Columns = Annotated[
    list[str] | None,
    typer.Option("--column", help="COLUMN=FIELD, where names do not tell: q=prompt, gold=reference."),
]


def label(
    models: Models,
    out: Out,
    tasks: Tasks = None,
    gguf: Gguf = None,
    column: Columns = None,
    grader: Annotated[
        str | None,
        typer.Option("--grader", help="Grader of tasks that name none: a name, or module:function of yours."),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Only the first so many tasks.")] = None,
    sample: Annotated[
        int | None,
        typer.Option("--sample", min=1, help="Label so many tasks' worth of cells, not all; see --design."),
    ] = None,
    design: Annotated[
        Design,
        typer.Option(
            "--design",
            help="Which cells, with --sample: random draws tasks and asks all models; active spreads as many calls "
            "evenly over kinds of prompts, asks models that cannot win little, and stops where more would not pay.",
        ),
    ] = Design.RANDOM,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides what is drawn.")] = 0,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, help="Calls at once, for each endpoint.")
    ] = 8,
    budget_usd: Annotated[
        float | None,
        typer.Option("--budget-usd", min=0, help="Never spend more, earlier runs into OUT included."),
    ] = None,
    budget_calls: Annotated[
        int | None,
        typer.Option("--budget-calls", min=0, help="Never make more calls, earlier runs included."),
    ] = None,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Ask again what failed in earlier runs.")
    ] = False,
    keep_doubts: Annotated[
        bool,
        typer.Option(
            "--keep-doubts",
            help="Do not ask again what was under way when a run was killed: it may have been paid for.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the expected bill and ask nothing.")
    ] = False,
    allow_code: Annotated[
        bool, typer.Option("--allow-code", help="Run the Python that models wrote, in a limited process.")
    ] = False,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes that grade; 0: one per processor.")
    ] = 0,
    engine: Annotated[
        Engine,
        typer.Option(
            "--engine",
            help="Where calls are made: this process, or the nodes of a Ray cluster, which on one machine takes longer.",
        ),
    ] = Engine.LOCAL,
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
    """Ask models a set of tasks, grade the answers and write an outcome table; continues where it was cut.

    What was answered is in OUT/journal.jsonl before it counts, and is never asked again. A cell that failed is missing,
    with the reason. Rows of TASKS that cannot be used are listed in OUT/rejected.jsonl. Ctrl-C ends cleanly.

    Example: pointsman label tasks.csv --models models.toml --out runs/mine --budget-usd 5
    """
    from router_training import labelling
    from router_training.catalogue import load_catalogue
    from router_training.labels.asking import Plan
    from router_training.labels.budget import Limits
    from router_training.labels.grading import Grading

    console = Console()
    catalogue = dict(load_catalogue(models))
    chosen = _sampled(_tasks(console, tasks, out, column or [], grader)[:limit], sample, design, seed)
    plan = Plan(concurrency, Limits(budget_usd, budget_calls), retry_errors, keep_doubts)
    grading = Grading(
        allow_code=allow_code,
        trusted=frozenset({grader} if grader else ()),
        workers=workers or os.cpu_count() or 1,
        source="starter" if tasks is None else tasks.stem,
        usd_per_hour=usd_per_hour,
    )
    with ExitStack() as stack:
        if not regrade:
            print_bill(console, chosen, catalogue, out / labelling.JOURNAL, plan, in_full=dry_run)
            if dry_run:
                return
            catalogue = _served(stack, catalogue, gguf or [])
        asker = stack.enter_context(asker_of(engine))
        told = stack.enter_context(label_progress())
        if sample is not None and design is Design.ACTIVE and not regrade:
            done = _designed(console, chosen, catalogue, out, sample, seed, plan, grading, asker, told)
        else:
            done = labelling.label(
                chosen,
                catalogue,
                out,
                plan=plan,
                grading=grading,
                ask_models=not regrade,
                asker=asker,
                told=told,
            )
    print_summary(console, done, regrade=regrade)
    if done.tally.stopped == labelling.INTERRUPTED:
        raise typer.Exit(130)


def _sampled(tasks: list[Task], sample: int | None, design: Design, seed: int) -> list[Task]:
    """Return the tasks that may be asked: those drawn, or all where the design is to choose among them."""
    if sample is None or design is Design.ACTIVE:
        return tasks
    from router_training.labels.designed import draw  # spares numpy

    return draw(tasks, sample, seed)


def _designed(
    console: Console,
    tasks: list[Task],
    catalogue: Catalogue,
    out: Path,
    sample: int,
    seed: int,
    plan: Plan,
    grading: Grading,
    asker: Asker,
    told: Told,
) -> Labelled:
    from router_training.embedding import load_encoder  # spares onnxruntime where all is asked
    from router_training.labels.designed import label_by_design

    cells = sample * len(catalogue)
    console.print(f"By design: at most {cells:,} of these cells, spread evenly over kinds of prompts.")
    return label_by_design(
        tasks,
        catalogue,
        out,
        vectors=load_encoder().encode_cached([task.prompt for task in tasks]),
        cells=cells,
        plan=plan,
        grading=grading,
        seed=seed,
        asker=asker,
        told=told,
        said=lambda sentence: console.print(sentence, soft_wrap=True, markup=False),
    ).labelled


def datasheet(
    folder: Annotated[Path, typer.Argument(help="A folder with tasks.jsonl and outcomes.parquet.")],
) -> None:
    """Print the tables of a data set's datasheet as Markdown."""
    from router_training.datasheet import datasheet as tables

    typer.echo(tables(folder))


def _tasks(
    console: Console, path: Path | None, out: Path, columns: list[str], grader: str | None
) -> list[Task]:
    if path is None:
        from router_training import starter_tasks

        return [row.task for row in starter_tasks.make_tasks()]
    from router_training.labels.task_files import read_task_file, write_rejected

    found = read_task_file(path, columns=_columns(columns), grader=checked_grader(grader))
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_rejected(found.rejected, out / "rejected.jsonl")
    except OSError as error:
        raise DataError(f"{out} cannot be written ({error.strerror}); name another folder") from error
    print_tasks(console, found, path, out / "rejected.jsonl")
    return found.tasks


def _columns(given: list[str]) -> dict[str, str]:
    from router_training.labels.task_files import NAMES

    columns = {}
    for entry in given:
        name, _, meant = entry.rpartition("=")
        if not name or meant not in NAMES:
            raise UsageError(f"--column {entry!r}: write COLUMN=FIELD, FIELD being one of {', '.join(NAMES)}")
        columns[name] = meant
    return columns


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
