"""`pointsman status`: who serves, what waits, and whether the world still is what the router knows, on one screen."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from orchestrator.feedback import OPEN, SEALED, lines_in, refused_in, waiting_bytes
from orchestrator.settings import Settings
from router_training.contract import SHADOW
from router_training.retrain_command import moment

if TYPE_CHECKING:
    from router_training.drift import Figure

GRADE = "grade recent answers in a file of outcomes, then run `pointsman retrain DATA --gold GRADED`"
REMEDIES = {
    "failures": "look at the endpoint: grading mends no failed call; run `pointsman doctor`",
    "prices": "the cards' prices may be old; run `pointsman models check --models MODELS`",
}


def status(
    since: Annotated[
        str, typer.Option("--since", help="How far back traffic is read (30d, 12h) or since a date.")
    ] = "30d",
    router: Annotated[
        Path | None,
        typer.Option("--router", help="The router to hold traffic against. Default: the champion."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show who serves, the last verdict, what waits in spools, and drift: each figure beside its threshold.

    Example: pointsman status --since 7d
    """
    from router_training.drift import drift
    from router_training.serving import open_router  # spares onnxruntime
    from router_training.tracking import open_store  # spares mlflow

    store = open_store()
    opened = open_router(router)
    outcomes = store.feedback_outcomes(moment(since, datetime.now(UTC)))
    served = [one for one in outcomes if one.source != SHADOW]
    n_shadow = len(outcomes) - len(served)
    figures = drift(opened.policy, served)
    settings = Settings.read(os.environ)
    waiting = backlog(settings.spool, settings.spool_bytes)
    verdict = store.last_verdict()
    if as_json:
        told = {
            "serves": opened.origin,
            "verdict": verdict,
            "waiting": asdict(waiting),
            "outcomes": len(served),
            "shadow_outcomes": n_shadow,
        }
        typer.echo(
            json.dumps({**told, "drift": [{**asdict(one), "is_over": one.is_over} for one in figures]})
        )
        return
    shadow = f", {n_shadow:,} in shadow" if n_shadow else ""
    page = Table(
        title=f"{opened.origin}; {len(served):,} answers since {since}{shadow}; {waiting.sentence()}",
        title_justify="left",
        caption=f"Last retraining: {verdict or 'none yet'}",
        caption_justify="left",
    )
    for name in ("figure", "now", "at most", "answers", "meaning"):
        page.add_column(name, justify="left" if name in ("figure", "meaning") else "right")
    for one in figures:
        now = "too few" if one.value is None else f"{one.value:.3f}"
        style = "bold red" if one.is_over else None
        page.add_row(one.name, now, f"{one.at_most:g}", f"{one.n:,}", one.meaning, style=style)
    Console().print(page)
    for sentence in advice(figures):
        Console().print(sentence, style="bold", markup=False, highlight=False, soft_wrap=True)


def advice(figures: Sequence[Figure]) -> list[str]:
    """Return a sentence for each remedy that figures over their thresholds need; capitals stand for the reader's files."""
    over: dict[str, list[str]] = {}
    for one in figures:
        if one.is_over:
            over.setdefault(REMEDIES.get(one.key, GRADE), []).append(one.name)
    return [f"Over the threshold: {', '.join(names)}: {remedy}." for remedy, names in over.items()]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What the spools of all gateways hold that MLflow does not, in requests and bytes; `most` bytes may wait.

    `refused` requests were not kept since the spools were last carried away, because the backlog or the disk was full.
    """

    requests: int
    bytes: int
    most: int
    refused: int

    def sentence(self) -> str:
        """Return all of it in words."""
        said = f"{self.requests:,} requests ({self.bytes / 1e6:,.1f} of {self.most / 1e6:,.0f} MB) wait in spools"
        return f"{said}, {self.refused:,} were not kept" if self.refused else said


def backlog(spool: Path, most: int) -> Backlog:
    """Return what waits in all spools under this folder."""
    folders = [folder for folder in spool.glob("*/") if folder.is_dir()]
    files = [file for folder in folders for file in (folder / OPEN, *folder.glob(SEALED))]
    size = sum(waiting_bytes(folder) for folder in folders)
    return Backlog(sum(map(lines_in, files)), size, most, sum(map(refused_in, folders)))
