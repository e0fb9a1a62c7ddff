"""The `pointsman` command: ask and route here, train and judge in router_training.cli."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from orchestrator.doctor_command import doctor
from orchestrator.keys_command import app as keys
from orchestrator.report_command import report
from orchestrator.serve_command import collect, rollback, serve
from orchestrator.status_command import status
from orchestrator.strategy_commands import evaluate, strategies
from orchestrator.verifier_commands import app as verifiers
from router_training.cli import Router, Seed, app as training
from router_training.contract import PointsmanError, UsageError
from router_training.records.local_records import without_password

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Learn which model answers which prompt well enough, and send each prompt to the cheapest such model.",
)
app.add_typer(training)
app.add_typer(keys, name="keys")
app.command()(strategies)
app.add_typer(verifiers, name="verifiers")
app.command()(evaluate)
app.command()(report)
app.command()(doctor)
app.command()(serve)
app.command()(collect)
app.command()(status)
app.command()(rollback)

Prompt = Annotated[str, typer.Argument(help="The prompt; - reads it from standard input.")]
Models = Annotated[
    Path | None, typer.Option("--models", help="Model cards with prices. Default: the router's own.")
]
Dial = Annotated[float, typer.Option("--dial", help="From 0 (cheap) to 1 (right).")]
Strategy = Annotated[
    str,
    typer.Option("--strategy", help="A strategy, or one around another: fallback(cascade(threshold=0.6))."),
]
Recorded = Annotated[
    Path | None,
    typer.Option("--recorded", help="Outcomes whose responses are replayed instead of asking live models."),
]
JSON = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command()
def route(
    prompt: Prompt,
    router: Router = None,
    models: Models = None,
    dial: Dial = 0.8,
    needs: Annotated[
        list[str] | None,
        typer.Option("--needs", help="A capability that the model must have; may be repeated."),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Decide which model should answer a prompt, and say why. No model is called.

    Example: pointsman route "Translate good morning into French"
    """
    from orchestrator.pages import decision_page
    from router_training.capabilities import Requirements, tokens_in, why_not
    from router_training.catalogue import load_catalogue
    from router_training.serving import open_router  # spares onnxruntime

    text = read_prompt(prompt)
    opened = open_router(router, None if models is None else load_catalogue(models))
    policy, required = opened.policy, Requirements(frozenset(needs or ()), tokens_in(text))
    reasons = {name: why_not(policy.catalogue[name], required) for name in policy.models}
    decision_page(
        Console(),
        policy.forecast([text]).row(0),
        policy.choose([text], dial, needs=needs or ())[0],
        dial,
        policy.usd_scale,
        opened.origin,
        as_json,
        unable={name: reason for name, reason in reasons.items() if reason is not None},
        promise=policy.promise_status(dial),
    )


@app.command()
def ask(
    prompt: Prompt,
    router: Router = None,
    models: Models = None,
    dial: Dial = 0.8,
    strategy: Strategy = "fallback(cascade)",
    recorded: Recorded = None,
    max_usd: Annotated[float | None, typer.Option(help="Spend no more than this on the request.")] = None,
    deadline_s: Annotated[float | None, typer.Option(help="Seconds that the request may take.")] = None,
    judge: Annotated[
        str | None, typer.Option("--judge", help="A card that is asked whether an answer is right, once.")
    ] = None,
    judge_bias: Annotated[
        Path | None,
        typer.Option("--judge-bias", help="How the judge errs, as `pointsman verifiers calibrate` wrote it."),
    ] = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="Show all forecasts, and what each check said, took and cost.")
    ] = False,
    compare: Annotated[
        str | None,
        typer.Option("--compare", help="Answer with each of these instead: all, or a list of strategies."),
    ] = None,
    as_json: JSON = False,
) -> None:
    """Answer a prompt through the graph: router, model, verifier, and what follows from its confidence.

    The models are those of the router's cards: OpenAI-compatible endpoints, keys from the environment. With
    --recorded, what the real models once said to this very prompt is replayed.

    Example: pointsman ask "What is 17 + 25?" --recorded datasets/starter/outcomes.parquet
    """
    from orchestrator.strategies import listed, load

    if trace and compare is not None:
        raise UsageError(
            "--trace shows one answer and --compare several; leave one out, or read all with --compare and --json"
        )
    text = read_prompt(prompt)
    names = (strategy,) if compare is None else listed(compare, recorded=recorded is not None)
    load(names[0])  # a mistyped strategy is found before anything slow
    from orchestrator.asking import judge as judge_of
    from orchestrator.graph import build_graph  # spares langgraph, 1.6 s
    from orchestrator.models import recorded_models
    from orchestrator.pages import answer_page, comparison_page, shortened
    from orchestrator.verifiers import standard
    from router_training.catalogue import load_catalogue
    from router_training.outcomes import load_outcomes
    from router_training.serving import open_router

    opened = open_router(router, None if models is None else load_catalogue(models))
    table = None if recorded is None else load_outcomes(recorded)
    if table is not None and text not in table.prompts:
        raise UsageError(
            f"{recorded} holds no answer to {shortened(text)!r}; ask one of its prompts, or live models"
        )
    clients = None if table is None else recorded_models(table)
    verifier = standard(opened.answer_model)
    if judge is not None:
        verifier = (*verifier, judge_of(judge, opened.policy.catalogue, judge_bias))
    answers = {
        name: build_graph(
            opened.policy, strategy=name, models=clients, verifier=verifier, dial=dial, joint=opened.joint
        ).invoke({"input": text, "max_usd": max_usd, "deadline_s": deadline_s})
        for name in names
    }
    if compare is None:
        answer_page(Console(), answers[strategy], as_json, trace=trace)
    else:
        comparison_page(Console(), answers, as_json)
    if all(answer["error"] is not None for answer in answers.values()):
        raise typer.Exit(1)


@app.command()
def demo(
    out: Annotated[
        Path, typer.Option("--out", file_okay=False, help="Folder for the router and its picture.")
    ] = Path("runs/demo"),
    data: Annotated[
        Path, typer.Option("--data", help="Outcomes with responses; models.toml lies beside them.")
    ] = Path("datasets/starter/outcomes.parquet"),
    requests: Annotated[int, typer.Option("--requests", min=1, help="Requests to answer at most.")] = 300,
    seed: Seed = 0,
) -> None:
    """Run the main job on the starter data set: train, judge, answer, log, retrain. Well under a minute.

    A champion that learned from other data stays: the demo then registers and logs in records of its own under --out.
    """
    from orchestrator.demo import run_demo  # spares everything

    run_demo(Console(), data=data, out=out, requests=requests, seed=seed)


@app.command("demo-live")
def demo_live(
    models: Annotated[Path, typer.Option("--models", help="Model cards.")] = Path(
        "datasets/starter/models.toml"
    ),
    router: Annotated[
        Path | None, typer.Option("--router", help="A trained router's folder. Default: runs/demo, if there.")
    ] = None,
    gguf: Annotated[
        list[str] | None, typer.Option("--gguf", help="NAME=PATH: serve this GGUF file as the card NAME too.")
    ] = None,
) -> None:
    """Answer prompts with a real model on this machine: SmolLM2-135M through llama.cpp, on loopback.

    Example: pointsman demo-live --gguf qwen-coder-0.5b=/models/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf
    """
    from orchestrator.demo_live import run_demo_live  # spares everything

    if router is None and Path("runs/demo/policy").is_dir():
        router = Path("runs/demo")
    run_demo_live(Console(), models=models, router=router, gguf=gguf or ())


def read_prompt(prompt: str) -> str:
    """Return the prompt, read from standard input where it is '-'.

    Raises:
        UsageError: if it is blank, or not UTF-8.
    """
    try:
        # the newline that ends what echo or an editor writes is no part of the prompt
        text = sys.stdin.read().removesuffix("\n") if prompt == "-" else prompt
        text.encode()  # what is no UTF-8 on the command line arrives as half characters
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise UsageError(f"the prompt is not UTF-8 ({error.reason}); convert it to UTF-8") from error
    if not text.strip():
        raise UsageError(f"the prompt is {text[:20]!r}; give a text, or - to read one from standard input")
    return text


def main() -> Any:
    """Run the command; an error that the user can mend, and one of MLflow, is one sentence and exit code 2."""
    try:
        app()
    except PointsmanError as error:
        _fail(str(error))
    except _of_mlflow() as error:
        said = without_password(str(error).partition("\n")[0])
        _fail(
            f"MLflow's records cannot be used ({said}); see that they are whole and their server runs, then try again"
        )


def _fail(message: str) -> None:
    Console(stderr=True, highlight=False).print(f"pointsman: {message}", markup=False, soft_wrap=True)
    sys.exit(2)


def _of_mlflow() -> tuple[type[Exception], ...]:
    """Return what MLflow raises, nothing where no command has imported it."""
    known = sys.modules.get("mlflow.exceptions")
    return () if known is None else (known.MlflowException,)
