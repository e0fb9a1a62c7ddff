"""`pointsman what-if`: other prices, a model more or less, and what the frontier would be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from router_training.planning import Frontier, Plan

UNCHANGED = (
    "Nothing is changed, so there is nothing to compare; give other prices with --prices, or another set of models "
    "with --add-model and --drop-model."
)


def what_if(
    router: Annotated[
        Path | None,
        typer.Option("--router", help="A trained router's folder. Default: the champion in MLflow."),
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option("--prices", help="A models file with other prices; models that it lacks keep theirs."),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(
            "--add-model",
            help="NAME=LIKE: assume a model that answers like a known one; NAME=LIKE+0.05: 5 points better. Its prices are "
            "those of --prices. May be repeated.",
        ),
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option("--drop-model", help="Leave a model out; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show the frontier of cost and quality at other prices or with other models, without training anything.

    The figures are of tasks of the training part, each forecast by models that were fitted without it. What a model without outcomes would
    do is an assumption; for facts, label 40 tasks and use add-model.

    Example: pointsman what-if --router runs/router --prices new.toml --add-model cheaper=qwen-coder-1.5b
    """
    from router_training.catalogue import load_catalogue  # spares scipy
    from router_training.planning import Assumed, changed, differs, frontier, read_plan

    assumed = [Assumed.parse(text) for text in add or ()]
    catalogue = None if prices is None else load_catalogue(prices)
    plan = read_plan(_folder(router))
    other = changed(plan, catalogue=catalogue, added=assumed, dropped=drop or ())
    before, after = frontier(plan), frontier(other)
    if as_json:
        found = {"schema": 1, "before": before.as_dict(), "after": after.as_dict()}
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
        return
    console = Console()
    console.print(render_plans(plan, before, after))
    said = sentence(before, after) if differs(plan, other) else UNCHANGED
    console.print(said, style="bold", markup=False, highlight=False)


def _folder(router: Path | None) -> Path:
    if router is not None:
        return router / "policy"
    from router_training.contract import UsageError
    from router_training.tracking import open_store  # spares mlflow, 2 s, where a folder is given

    champion = open_store().champion()
    if champion is None:
        raise UsageError("the registry has no champion; name a router's folder with --router")
    return champion.path


def render_plans(plan: Plan, before: Frontier, after: Frontier) -> Table:
    """Return a row per single model and per share of the best one's quality, before and after."""
    table = Table(
        title=f"On {len(plan.held_out):,} tasks of the training part, each forecast by models fitted without it",
        title_justify="left",
    )
    table.add_column("who answers", overflow="fold")
    for name in ("quality", "USD per 1,000", "quality then", "USD per 1,000 then"):
        table.add_column(name, justify="right")
    old = {str(point.model): (point.quality, point.usd) for point in before.constants}
    new = {str(point.model): (point.quality, point.usd) for point in after.constants}
    for name in {**old, **new}:
        table.add_row(escape(f"always {name}"), *_cells(old.get(name)), *_cells(new.get(name)))
    table.add_section()
    for share, point in before.cheapest.items():
        then = after.cheapest[share]
        known = [None if one is None else (one.quality, one.usd) for one in (point, then)]
        table.add_row(f"router, {share:.0%} of the best quality", *_cells(known[0]), *_cells(known[1]))
    return table


def _cells(point: tuple[float, float] | None) -> tuple[str, str]:
    return ("–", "–") if point is None else (f"{point[0]:.3f}", f"{1000.0 * point[1]:.4g}")


def sentence(before: Frontier, after: Frontier) -> str:
    """Return what changes, in one sentence: what equal quality costs, and what routing adds."""
    old, new = before.cheapest[1.0], after.cheapest[1.0]
    lift = f"routing adds {100 * after.lift:+.1f} points over mixes of single models, instead of {100 * before.lift:+.1f}"
    if old is None or new is None or old.usd <= 0.0:
        return f"With these changes {lift}."
    change = new.usd / old.usd - 1.0
    word = (
        f"{abs(change):.0%} {'less' if change < 0 else 'more'}" if abs(change) >= 0.005 else "about as much"
    )
    return (
        f"With these changes the quality of the best single model costs {word} "
        f"(${1000 * new.usd:.4g} instead of ${1000 * old.usd:.4g} per 1,000 tasks), and {lift}."
    )
