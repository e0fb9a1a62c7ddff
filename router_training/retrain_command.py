"""The command `retrain`, and the page of its verdict."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from router_training.contract import UsageError
from router_training.terminal import progress_bars, render_verdict

if TYPE_CHECKING:
    from router_training.challenger import Verdict

SECONDS = {"m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def retrain(
    data: Annotated[
        Path, typer.Argument(help="Gold outcomes: .csv, .jsonl or .parquet, one row per task and model.")
    ],
    models: Annotated[
        Path | None,
        typer.Option("--models", help="Model cards with prices. Default: models.toml beside DATA, if there."),
    ] = None,
    gold: Annotated[
        list[Path] | None,
        typer.Option("--gold", help="More gold, such as graded answers of the traffic; may be repeated."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", help="Only feedback this recent (7d, 12h, 2w) or since a date (2026-11-01)."),
    ] = None,
    half_life: Annotated[
        str | None,
        typer.Option("--half-life", help="Feedback of this age (30d) counts half as much as the newest."),
    ] = None,
    margin: Annotated[
        float, typer.Option("--margin", min=0.0, help="Worth that may be lost on a task type.")
    ] = 0.05,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Train and judge; register nothing, and let the champion serve on."),
    ] = False,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Decides the split. Default: the champion's own.")
    ] = None,
) -> None:
    """Train a challenger from gold outcomes and logged feedback; promote it only if it wins on gold data.

    Feedback is read from MLflow. Where 30 of the verifier's answers or more have a gold grade (in --gold, by trace id
    or prompt), its labels are corrected for how it errs. The gate judges on gold that neither side was trained on, at a
    level that shrinks with every try on the same gold; a dry run is a try, too.

    Example: pointsman retrain datasets/starter/outcomes.parquet --since 7d --dry-run
    """
    from router_training.cli import read_catalogue  # the commands import one another's options
    from router_training.outcomes import load_outcomes  # spares pandas
    from router_training.retraining import Options, retrain as run_retraining
    from router_training.tracking import open_store  # spares mlflow

    console = Console()
    now = datetime.now(UTC)
    half_life_s = None if half_life is None else duration_s(half_life, "--half-life")
    options = Options(None if since is None else moment(since, now), half_life_s, margin, dry_run=dry_run)
    table = load_outcomes(data)
    catalogue = read_catalogue(models, data, table)
    more = [load_outcomes(path) for path in gold or ()]
    with progress_bars(console) as progress:
        verdict = run_retraining(
            open_store(),
            table,
            catalogue=catalogue,
            more_gold=more,
            options=options,
            seed=seed,
            progress=progress,
        )
    print_verdict(console, verdict)


def print_verdict(console: Console, verdict: Verdict) -> None:
    """Print both sides, every rule, how the verifier errs, and the verdict."""
    console.print(render_verdict(verdict))
    if verdict.rules:
        console.print(render_rules(verdict))
    if verdict.biases:
        console.print(render_biases(verdict))
    for sentence in (verdict.noise, verdict.promise):
        if sentence:
            console.print(sentence[0].upper() + sentence[1:].rstrip(".") + ".", highlight=False)
    if verdict.n_gold_traces:
        console.print(f"The assessment gold stands on {verdict.n_gold_traces:,} traces.", highlight=False)
    console.print(verdict.reason, style="bold")


def render_rules(verdict: Verdict) -> Table:
    """Return every rule of the gate with its figure."""
    page = Table(title="What the challenger must show", title_justify="left")
    page.add_column("to beat")
    for name in ("figure", "interval", "needed", "tasks", "holds"):
        page.add_column(name, justify="right")
    for rule in verdict.rules:
        figure = rule.figure
        needed = f"value > {rule.must_exceed:g}" if rule.must_exceed else "all > 0"
        page.add_row(
            rule.rule,
            f"{figure.value:+.4f}",
            f"{figure.low:+.4f} to {figure.high:+.4f}",
            needed,
            f"{rule.n_tasks:,}",
            "yes" if rule.holds else "no",
        )
    return page


def render_biases(verdict: Verdict) -> Table:
    """Return what the verifier says too much: by model, and of the task types those where it is surely off."""
    shown = [one for one in verdict.biases if one.of == "model" or not one.bias.low <= 0.0 <= one.bias.high]
    page = Table(
        title="How the verifier errs, on answers with a gold grade (95% intervals)", title_justify="left"
    )
    page.add_column("answers of")
    for name in ("graded", "of", "says too much", "quality, corrected"):
        page.add_column(name, justify="right")
    for one in shown:
        page.add_row(
            one.name,
            f"{one.n:,}",
            f"{one.n_heard:,}",
            f"{one.bias.value:+.3f} ({one.bias.low:+.3f} to {one.bias.high:+.3f})",
            f"{one.quality.value:.3f} ({max(one.quality.low, 0.0):.3f} to {min(one.quality.high, 1.0):.3f})",
        )
    return page


def duration_s(text: str, option: str) -> float:
    """Return the seconds that a duration such as 7d, 12h, 30m or 2w names.

    Raises:
        UsageError: if it reads otherwise, or is not above 0.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([mhdw])\s*", text)
    if found is None or float(found[1]) == 0.0:
        raise UsageError(f"{option} is {text!r}; write a duration such as 7d, 12h, 30m or 2w")
    return float(found[1]) * SECONDS[found[2]]


def moment(text: str, now: datetime) -> datetime:
    """Return when feedback begins to count: a duration before `now`, or a date.

    Raises:
        UsageError: if it reads as neither.
    """
    try:
        return now - timedelta(seconds=duration_s(text, "--since"))
    except (UsageError, OverflowError):
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"--since is {text!r}; write a duration such as 7d or 12h, or a date such as 2026-11-01"
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
