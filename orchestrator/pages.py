"""What the command line shows of a decision and of an answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from router_training.contract import Forecast
from router_training.guarantee import PromiseStatus
from router_training.records.traces import strict_json


def decision_page(
    console: Console,
    forecasts: Sequence[Forecast],
    chosen: str,
    dial: float,
    usd_scale: float,
    origin: str,
    as_json: bool,
    unable: Mapping[str, str] | None = None,
    promise: PromiseStatus | None = None,
) -> None:
    """Print the forecast of every model, what each is worth at the dial, the choice, and what was promised.

    `unable` says of models that cannot serve the prompt why.
    """
    worth = {f.model: dial * f.p_success - (1.0 - dial) * f.usd / usd_scale for f in forecasts}
    if as_json:
        rows = [{**asdict(forecast), "worth": worth[forecast.model]} for forecast in forecasts]
        decision = {
            "model": chosen,
            "dial": dial,
            "router": origin,
            "usd_scale": usd_scale,
            "forecasts": rows,
            "unable": dict(unable or {}),
            "promise": None if promise is None else asdict(promise),
        }
        console.print_json(strict_json(decision))
        return
    table = Table(title=f"{escape(chosen)}, at dial {dial:g} ({escape(origin)})", title_justify="left")
    table.add_column("model")
    for name in ("P(success)", "USD per 1,000 calls", "seconds", "worth"):
        table.add_column(name, justify="right")
    for forecast in sorted(forecasts, key=lambda f: -worth[f.model]):
        table.add_row(
            escape(forecast.model),
            f"{forecast.p_success:.1%}",
            f"{forecast.usd * 1000:.4g}",
            "unknown" if math.isnan(forecast.latency_s) else f"{forecast.latency_s:.2g}",
            f"{worth[forecast.model]:+.3f}",
            style="bold" if forecast.model == chosen else None,
        )
    console.print(table)
    console.print(
        f"worth = {dial:g} x P(success) - {1 - dial:.2g} x USD / {usd_scale:.3g}; the highest is chosen. "
        f"Novelty {forecasts[0].novelty:.2f} (0: like the training prompts, 1: unlike any)."
    )
    for reason in (unable or {}).values():
        console.print(escape(f"Not able: {reason}."))
    if promise is not None:
        console.print(escape(promise.sentence))


def answer_page(console: Console, answer: Mapping[str, Any], as_json: bool) -> None:
    """Print the answer, then the path that led to it as a tree."""
    if as_json:
        console.print_json(strict_json({key: part for key, part in answer.items() if key != "messages"}))
        return
    console.print(answer["result"], markup=False)
    console.print(path_tree(answer))


def path_tree(answer: Mapping[str, Any]) -> Tree:
    """Return the request as a tree: the decision, each attempt with its evidence, the sum; recordings say so."""
    tree = Tree(escape(f"{' > '.join(answer['path'])}"))
    tree.add(escape(f"router: {answer['decision']['reason']}"))
    for attempt in answer["attempts"]:
        label = f"{attempt['model']}{' (recorded)' if attempt['recorded'] else ''}: "
        label += attempt["error"] or f"confidence {attempt['confidence']:.2f}"
        branch = tree.add(escape(f"{label}, ${attempt['usd']:.3g}, {attempt['latency_s']:.2f} s"))
        for evidence in attempt["evidence"]:
            branch.add(escape(f"{evidence['kind']}: {evidence['reason']}"))
    tree.add(
        escape(
            f"in all: {answer['model'] or 'no model'}, confidence {answer['confidence']:.2f}, "
            f"${answer['usd']:.3g}, {answer['latency_s']:.2f} s"
        )
    )
    return tree
