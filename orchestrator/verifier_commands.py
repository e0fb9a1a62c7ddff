"""The commands about verifiers: list them, say what each is worth, measure how biased a judge is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from router_training.cli import Models, Router, Seed
from router_training.contract import UsageError
from router_training.terminal import progress_bars

if TYPE_CHECKING:
    from router_training.contract import Attempt
    from router_training.judging.judge_bias import JudgeBias

STARTER = Path("datasets/starter/outcomes.parquet")
Graded = Annotated[Path, typer.Argument(help="Outcomes with responses and grades.")]
JSON = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]

app = typer.Typer()


@app.callback(invoke_without_command=True)
def verifiers(context: typer.Context) -> None:
    """List the verifiers, one line each; say what each is worth (report); measure a judge (calibrate).

    Example: pointsman verifiers
    """
    if context.invoked_subcommand is not None:
        return
    from orchestrator.verifiers import available, summary

    width = max(map(len, available()))
    for name in available():
        Console(highlight=False).print(f"[bold]{name:{width}}[/bold]  {summary(name)}", soft_wrap=True)


@app.command()
def report(
    data: Graded = STARTER,
    router: Router = None,
    tasks: Annotated[int, typer.Option("--tasks", min=1, help="Look at no more tasks than this.")] = 1000,
    seed: Seed = 0,
    as_json: JSON = False,
) -> None:
    """Say what each verifier is worth: AUC, likelihood ratios, how often it speaks, cost, time, and what it adds.

    Given the table that the router was trained on, its held-out part is used. What a verifier adds to the forecast
    alone (+), and what all others lose without it (-), is by cross-validated logistic regression.

    Example: pointsman verifiers report datasets/starter/outcomes.parquet --router runs/demo
    """
    from orchestrator.verifier_report import (  # spares pandas
        COLUMNS,
        FINDING_COLUMNS,
        look,
        report as figures,
    )
    from router_training.outcomes import load_outcomes
    from router_training.serving import open_router
    from router_training.training import judged_part

    console, table = Console(), load_outcomes(data)
    opened = open_router(router)
    part, sentence = judged_part(opened.policy, table)
    with progress_bars(Console(stderr=True)) as progress:
        found = figures(look(opened, part, most_tasks=tasks, seed=seed, progress=progress))
    if as_json:
        _print_json(console, found)
        return
    forecast, combined = found["forecast"], found["combined"]
    console.print(sentence)
    console.print(
        f"{found['n_answers']:,} answers, {found['share_right']:.0%} right. Forecast alone: AUC {forecast['auc']:.3f}, log "
        f"loss {forecast['log_loss']:.4f}; with all verifiers: AUC {combined['auc']:.3f}, log loss {combined['log_loss']:.4f}."
    )
    console.print(_table(COLUMNS, found["verifiers"]))
    console.print("+ is what a verifier adds to the forecast alone, - what all the others lose without it.")
    console.print(_table(FINDING_COLUMNS, found["findings"]))


@app.command()
def calibrate(
    data: Graded = STARTER,
    judge: Annotated[
        str | None, typer.Option("--judge", help="The card to ask; without one, only recorded replies count.")
    ] = None,
    models: Models = None,
    replies: Annotated[
        Path, typer.Option("--replies", dir_okay=False, help="What the judge said: read, and added to.")
    ] = Path("runs/judge/replies.jsonl"),
    out: Annotated[Path, typer.Option("--out", dir_okay=False, help="Where its bias is written.")] = Path(
        "runs/judge/bias.json"
    ),
    cases: Annotated[int, typer.Option("--cases", min=2, help="Graded answers to judge, each twice.")] = 100,
    seed: Seed = 0,
    as_json: JSON = False,
) -> None:
    """Measure how a judge errs: how often it says yes to right and to wrong answers, and whether order sways it.

    Half of the cases are right answers, half wrong. Each is judged twice, with yes offered first and with no offered
    first. Replies are kept, so that a run that broke off goes on, and one without --judge costs nothing.

    Example: pointsman verifiers calibrate datasets/starter/outcomes.parquet --judge qwen-coder-1.5b
    """
    from orchestrator.judge_calibration import append_reply, ask_all, draw_cases, read_replies, verdicts
    from router_training.judging.judge_bias import measure_bias
    from router_training.outcomes import load_outcomes

    table, known = load_outcomes(data), read_replies(replies)
    drawn = draw_cases(table, cases, seed)
    ask = None if judge is None else _asker(judge, models or data.parent / "models.toml")
    if ask is None and not known:
        raise UsageError(f"{replies} holds no recorded reply; name the card to ask with --judge")
    with progress_bars(Console(stderr=True)) as progress:
        said = ask_all(drawn, ask, known, lambda reply: append_reply(replies, reply), progress)
    bias = measure_bias(verdicts(drawn, said))
    bias.save(out)
    usd = sum(one.usd for one in said)
    if as_json:
        from dataclasses import asdict

        _print_json(Console(), {**asdict(bias), "replies": len(said), "usd": usd})
        return
    _print_bias(Console(highlight=False), bias, len(said), usd)
    Console().print(f"The bias is in {out}.")


def _asker(name: str, models: Path) -> Callable[[str], Attempt]:
    from orchestrator.asking import asker
    from router_training.catalogue import load_catalogue

    cards = load_catalogue(models)
    if name not in cards:
        raise UsageError(f"--judge {name!r} is no card of {models}; the cards are {', '.join(cards)}")
    return asker(cards[name])


def _print_bias(console: Console, bias: JudgeBias, n_replies: int, usd: float) -> None:
    console.print(
        f"Says yes to {bias.yes_if_right:.0%} of right answers ({bias.n_right}) and to {bias.yes_if_wrong:.0%} of wrong ones "
        f"({bias.n_wrong}); leniency {bias.leniency:+.2f} (0 is even-handed)."
    )
    console.print(
        f"Its yes is worth a likelihood ratio of {bias.ratio(True):.2f}, its no {bias.ratio(False):.2f}."
    )
    if bias.flips is not None:
        console.print(
            f"The order in which yes and no are offered changes {bias.flips:.0%} of its verdicts (yes {bias.yes_offered_first:.0%} "
            f"if offered first, {bias.yes_offered_last:.0%} if last)."
        )
    console.print(f"{n_replies} replies, {bias.n_unread} neither yes nor no, ${usd:.3g} in all.")


def _table(
    columns: Sequence[tuple[str, Callable[[dict[str, Any]], str]]], rows: Sequence[dict[str, Any]]
) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for i, (name, _) in enumerate(columns):
        table.add_column(name, justify="right" if i else "left", no_wrap=i > 0, overflow="fold")
    for row in rows:
        table.add_row(*(shown(row) for _, shown in columns))
    return table


def _print_json(console: Console, found: Mapping[str, Any]) -> None:
    from router_training.records.traces import strict_json

    console.print_json(strict_json(found))
