"""`pointsman inspect`: is this table of outcomes sound, and is there anything to route in it?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router_training.terminal import progress_bars

if TYPE_CHECKING:
    from router_training.inspection.examination import Examination

STYLES = {"fine": "green", "to know": "cyan", "to mend": "bold red"}


def inspect(
    data: Annotated[
        Path, typer.Argument(help="Outcomes: .csv, .jsonl or .parquet, one row per task and model.")
    ],
    models: Annotated[
        Path | None,
        typer.Option("--models", help="Model cards with prices. Default: models.toml beside DATA, if there."),
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", help="Another file that must not share tasks with DATA; may be repeated."),
    ] = None,
    encoder: Annotated[
        str, typer.Option("--encoder", help="A sentence-transformers model: name or path.")
    ] = "all-MiniLM-L6-v2",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the split.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Examine labels before training: errors counted as wrong, ties, noise, duplicates, leaks, prices, sample size.

    A plain regression is trained on growing parts of the table, to say in one sentence whether there is anything to route.

    Example: pointsman inspect datasets/starter/outcomes.parquet
    """
    from router_training.cli import read_catalogue
    from router_training.embedding import load_encoder  # spares onnxruntime
    from router_training.inspection.examination import examine
    from router_training.outcomes import load_outcomes

    console = Console()
    table = load_outcomes(data)
    others = [load_outcomes(path) for path in against or ()]
    with progress_bars(console) as progress:
        found = examine(
            table,
            read_catalogue(models, data, table),
            load_encoder(encoder),
            others=others,
            seed=seed,
            progress=None if as_json else progress,
        )
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=1, ensure_ascii=False))
        return
    console.print(render_examination(found))
    console.print(found.verdict, style="bold", markup=False, highlight=False)


def render_examination(found: Examination) -> Table:
    """Return one row per finding, in the order of the checks."""
    title = f"{found.n_tasks:,} tasks, {len(found.models)} models in {found.origin}"
    table = Table(title=escape(title), title_justify="left", show_lines=False)
    table.add_column("looked at", overflow="fold")
    table.add_column("", no_wrap=True)
    table.add_column("found", overflow="fold")
    for one in found.findings:
        table.add_row(escape(one.about), f"[{STYLES[one.weight]}]{one.weight}[/]", escape(one.said))
    return table
