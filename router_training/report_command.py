"""`pointsman report`: judge a router and write the page, the pictures and the summary."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from router_training.terminal import progress_bars


def report(
    data: Annotated[
        Path, typer.Argument(help="Outcomes: .csv, .jsonl or .parquet, one row per task and model.")
    ],
    router: Annotated[
        Path | None,
        typer.Option("--router", help="A trained router's folder. Default: the champion in MLflow."),
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option("--models", help="Model cards with prices. Default: models.toml beside DATA, if there."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", file_okay=False, help="Folder for the page and what belongs to it.")
    ] = Path("runs/report"),
    resamples: Annotated[int, typer.Option("--resamples", min=100, help="Of the bootstrap.")] = 10_000,
) -> None:
    """Write one page that shows what routing saves, at what quality, and how sure that is; it opens from disk.

    Beside report.html lie summary.md (for a pull request), evaluation.json, and curve and reliability as PNG and SVG.

    Example: pointsman report datasets/starter/outcomes.parquet
    """
    from router_training.cli import read_catalogue
    from router_training.outcomes import load_outcomes  # spares pandas
    from router_training.reporting.files import FIGURES, PAGE, REPORTS
    from router_training.reporting.story import saving_sentence
    from router_training.serving import open_router
    from router_training.training import judge

    console = Console()
    table = load_outcomes(data)
    opened = open_router(router, read_catalogue(models, data, table))
    with progress_bars(console) as progress:
        found = judge(opened.policy, table, out, n_boot=resamples, progress=progress)
    console.print(found.part)
    console.print(saving_sentence(found.evaluation), style="bold")
    others = [name for name in (*REPORTS, *FIGURES) if name != PAGE]
    console.print(f"{out / PAGE} opens in any browser; {', '.join(others)} lie beside it.", soft_wrap=True)
