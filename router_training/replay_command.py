"""The command `replay`: off-policy evaluation of logged traffic."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from router_training.retrain_command import moment

if TYPE_CHECKING:
    from router_training.judging.bootstrap import Interval
    from router_training.off_policy import Replayed


def replay(
    router: Annotated[
        Path | None,
        typer.Option("--router", help="The router to judge: its folder. Default: the champion."),
    ] = None,
    dial: Annotated[
        float, typer.Option("--dial", min=0.0, max=1.0, help="From 0 (cheap) to 1 (right).")
    ] = 0.8,
    models: Annotated[
        Path | None, typer.Option("--models", help="Other prices: model cards. Default: the router's own.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Only requests this recent (7d, 12h) or since a date.")
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option("--log", help="Outcomes with propensities. Default: the feedback in MLflow."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Estimate what a router, a dial or a price list would have cost and scored on the traffic that was logged.

    It reads the choices whose probability is on record, so the gateway has to explore (1% unless POINTSMAN_EXPLORE says
    otherwise). Quality is what verifiers and people said. Where too few requests tell, it says so and estimates nothing.

    Example: pointsman replay --dial 0.5 --since 30d
    """
    from router_training.catalogue import load_catalogue
    from router_training.off_policy import logged, replay as run
    from router_training.outcomes import load_outcomes
    from router_training.serving import open_router  # spares onnxruntime
    from router_training.tables.rows import outcomes_of_table

    start = None if since is None else moment(since, datetime.now(UTC))
    opened = open_router(router, None if models is None else load_catalogue(models))
    if log is not None:
        rows = outcomes_of_table(load_outcomes(log))
    else:
        from router_training.tracking import open_store  # spares mlflow where a file is read

        rows = open_store().feedback_outcomes(start)
    found = run(logged(rows, opened.policy.catalogue), opened.policy, dial)
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    Console().print(_page(found, opened.origin, dial))


def _page(found: Replayed, origin: str, dial: float) -> Table:
    page = Table(
        title=f"{origin} at dial {dial:g} on {found.n:,} logged requests",
        title_justify="left",
        caption=(
            f"It chooses as the log did on {found.agreement:.0%} of them; they say as much as {found.effective:,.0f} "
            "requests of its own. 95% intervals; first choices alone."
        ),
        caption_justify="left",
    )
    page.add_column("")
    page.add_column("quality", justify="right")
    page.add_column("USD per 1,000", justify="right")
    page.add_row("as logged", f"{found.logged_quality:.3f}", f"{found.logged_usd * 1000:.4g}")
    for name, title in (
        ("dr", "doubly robust"),
        ("snips", "self-normalised (SNIPS)"),
        ("ips", "inverse propensity (IPS)"),
    ):
        quality, usd = getattr(found.quality, name), getattr(found.usd, name)
        page.add_row(title, _shown(quality, "{:.3f}", 1.0), _shown(usd, "{:.4g}", 1000.0))
    return page


def _shown(interval: Interval, form: str, scale: float) -> str:
    value, low, high = (form.format(scale * one) for one in (interval.value, interval.low, interval.high))
    return f"{value} ({low} to {high})"
