"""The commands about strategies: list them, and judge them (or a router) on recorded answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router_training.cli import Data, Models, Router, evaluate_router, read_catalogue
from router_training.terminal import progress_bars


def strategies() -> None:
    """List the strategies, one line each.

    Example: pointsman strategies
    """
    from orchestrator.strategies import available, summary

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    for name in available():
        table.add_row(name, escape(summary(name)))
    Console(highlight=False).print(table)


def evaluate(
    data: Data,
    router: Router = None,
    models: Models = None,
    out: Annotated[
        Path, typer.Option("--out", file_okay=False, help="Folder for the figures and the picture.")
    ] = Path("runs/evaluation"),
    resamples: Annotated[int, typer.Option("--resamples", min=100, help="Of the bootstrap.")] = 1000,
    strategies: Annotated[
        str | None,
        typer.Option(
            "--strategies", help="Judge these strategies instead: all, or a list such as 'cascade, ensemble'."
        ),
    ] = None,
    dial: Annotated[
        float, typer.Option("--dial", help="Of the strategies, from 0 (cheap) to 1 (right).")
    ] = 0.8,
    deadline_s: Annotated[
        float | None, typer.Option("--deadline-s", help="Seconds that each request of a strategy may take.")
    ] = None,
) -> None:
    """Judge a router on outcomes it was not trained on, beside constants, mixes, a shuffled twin and the oracle.

    Given the table that the router was trained on, its held-out part is used. With --strategies every strategy
    answers the same tasks from the recorded responses, and stands beside the constants in cost, quality and seconds.

    Example: pointsman evaluate datasets/starter/outcomes.parquet --strategies all
    """
    if strategies is None:
        evaluate_router(data, router, models, out, resamples)
    else:
        _evaluate_strategies(strategies, data, router, models, out, resamples, dial, deadline_s)


def _evaluate_strategies(
    text: str,
    data: Path,
    router: Path | None,
    models: Path | None,
    out: Path,
    resamples: int,
    dial: float,
    deadline_s: float | None,
) -> None:
    from orchestrator.limits import Limits
    from orchestrator.strategies import listed

    limits, names = Limits(dial, deadline_s=deadline_s), listed(text, recorded=True)  # before anything slow

    from orchestrator.replay import record, replay  # spares langgraph, 1.6 s
    from orchestrator.strategy_report import render_strategies, report, write_strategies
    from router_training.outcomes import load_outcomes
    from router_training.serving import open_for
    from router_training.training import judged_part

    console = Console()
    table = load_outcomes(data)
    opened = open_for(table, router, read_catalogue(models, data, table))
    part, sentence = judged_part(opened.policy, table)
    with progress_bars(console) as progress:
        recordings = record(opened.policy, opened.answer_model, part, progress, joint=opened.joint)
        replayed = [
            replay(recordings, name, dial=limits.dial, deadline_s=limits.deadline_s, progress=progress)
            for name in names
        ]
    found = report(recordings, replayed, dial=limits.dial, deadline_s=limits.deadline_s, n_boot=resamples)
    write_strategies(found, out)
    console.print(sentence, render_strategies(found))
    console.print(f"strategies.json and strategies.png are in {out}.")
