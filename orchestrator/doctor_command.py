"""The command that says what stands between this folder and a gateway that answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from orchestrator.settings import Settings
from router_training.cli import Router
from router_training.contract import UsageError

MARKS = {
    "ok": "[green]ok    [/green]",
    "note": "[yellow]note  [/yellow]",
    "broken": "[bold red]broken[/bold red]",
}


def doctor(
    router: Router = None,
    models: Annotated[
        Path | None, typer.Option("--models", help="Model cards with prices. Default: the router's own.")
    ] = None,
    host: Annotated[
        str | None, typer.Option("--host", help="Where the gateway will listen. Default: loopback.")
    ] = None,
    timeout_s: Annotated[
        float, typer.Option("--timeout-s", min=0.1, help="How long an endpoint may take to answer.")
    ] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Check what a gateway here needs, and say what to do; exit code 1 if something is broken.

    MLflow, router and promise, prices, every endpoint (one token each), keys, spool and disk. Settings come from
    POINTSMAN_* in the environment, as for `pointsman serve`. Nothing is made or changed.

    Example: pointsman doctor --router runs/demo
    """
    from orchestrator.doctor import Finding, Patient, examine
    from orchestrator.plain import plain

    try:
        settings = Settings.read(os.environ, router=router, models=models, host=host)
        is_there = settings.secrets is not None and settings.secrets.is_file()
        environment = settings.surroundings(os.environ) if is_there else os.environ
    except UsageError as error:
        said, _, remedy = str(error).partition("; ")
        found = [Finding("settings", "broken", said, remedy)]
    else:
        found = list(examine(Patient(settings, environment, timeout_s)))
    console = Console(highlight=False, soft_wrap=True)
    if as_json:
        console.print_json(data=plain(found))
    else:
        for one in found:
            console.print(f"{MARKS[one.verdict]} ", end="")
            console.print(
                f"{one.check}: {one.said}" + (f"; {one.remedy}" if one.remedy else ""), markup=False
            )
    if any(one.verdict == "broken" for one in found):
        raise typer.Exit(1)
