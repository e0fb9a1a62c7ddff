"""What the command line shows of a decision and of an answer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
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


def answer_page(console: Console, answer: Mapping[str, Any], as_json: bool, *, trace: bool = False) -> None:
    """Print the answer, then the path that led to it as a tree, with `trace` to the last figure."""
    if as_json:
        console.print_json(strict_json(_without_messages(answer)))
        return
    console.print(answer["result"], markup=False)
    console.print(path_tree(answer, trace=trace))


def _without_messages(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {key: part for key, part in answer.items() if key != "messages"}


def comparison_page(console: Console, answers: Mapping[str, Mapping[str, Any]], as_json: bool) -> None:
    """Print what each strategy came to on one prompt, side by side, then each answer with those who gave it."""
    if as_json:
        console.print_json(strict_json({name: _without_messages(answer) for name, answer in answers.items()}))
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0, collapse_padding=True)
    table.add_column("strategy", overflow="fold")
    table.add_column("who answered", overflow="fold")
    for name in ("calls", "confidence", "USD", "seconds"):
        table.add_column(name, justify="right")
    said: dict[str, list[str]] = {}
    for name, answer in answers.items():
        attempts = answer["attempts"]
        checks = sum(one["model"] is not None for attempt in attempts for one in attempt["evidence"])
        said.setdefault(answer["result"], []).append(name)
        table.add_row(
            escape(name.replace("(", "\n(", 1)),
            escape(answer["model"] or "no model"),
            str(len(attempts) + checks),
            f"{answer['confidence']:.2f}",
            f"{answer['usd']:.3g}",
            f"{answer['latency_s']:.2f}",
        )
    console.print(table)
    for text, names in said.items():
        console.print(f"{', '.join(names)}:", style="bold", markup=False, highlight=False)
        console.print(Padding(escape(shortened(text)), (0, 0, 0, 2)))


def shortened(text: str, longest: int = 120) -> str:
    """Return the text in one line of at most `longest` characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def path_tree(answer: Mapping[str, Any], *, trace: bool = False) -> Tree:
    """Return the request as a tree: the decision, each attempt with its evidence, the sum; recordings say so.

    With `trace` the forecast of every model is shown, what each attempt said, the figures of each evidence, and the checks
    that had nothing to say.
    """
    tree = Tree(escape(f"{' > '.join(answer['path'])}"))
    router = tree.add(escape(f"router: {answer['decision']['reason']}"))
    for forecast in answer["decision"]["forecasts"] if trace else ():
        router.add(escape(_expected(forecast)))
    for attempt in answer["attempts"]:
        branch = tree.add(escape(_made(attempt)))
        if trace and attempt["text"] is not None:
            branch.add(escape(f"said: {shortened(attempt['text'])}"))
        for evidence in attempt["evidence"]:
            if evidence["p_correct"] is None and not trace:
                continue
            branch.add(
                escape(f"{evidence['kind']}: {evidence['reason']}{_figures(evidence) if trace else ''}")
            )
    tree.add(
        escape(
            f"in all: {answer['model'] or 'no model'}, confidence {answer['confidence']:.2f}, "
            f"${answer['usd']:.3g}, {answer['latency_s']:.2f} s"
        )
    )
    return tree


def _made(attempt: Mapping[str, Any]) -> str:
    """Return one line on a call: who, how it went, what it cost and took."""
    label = f"{attempt['model']}{' (recorded)' if attempt['recorded'] else ''}: "
    label += attempt["error"] or f"confidence {attempt['confidence']:.2f}"
    if attempt.get("sources"):
        label += f", written from the answers of {', '.join(attempt['sources'])}"
    lost = " as forecast" if attempt["error"] else " with lost tries as forecast"
    about = lost if attempt.get("usd_estimated") else ""
    begun = f" from second {attempt['delay_s']:.2f}" if attempt.get("delay_s") else ""
    return f"{label}, ${attempt['usd']:.3g}{about}, {attempt['latency_s']:.2f} s{begun}"


def _expected(forecast: Mapping[str, Any]) -> str:
    wait = "" if math.isnan(forecast["latency_s"]) else f", {forecast['latency_s']:.2g} s"
    return f"{forecast['model']}: succeeds with {forecast['p_success']:.0%}, ${forecast['usd']:.3g}{wait}"


def _figures(evidence: Mapping[str, Any]) -> str:
    p_correct = "" if evidence["p_correct"] is None else f"right with {evidence['p_correct']:.0%}, "
    return f" ({p_correct}${evidence['usd']:.3g}, {evidence['latency_s'] * 1000:.1f} ms)"
