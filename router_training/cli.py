"""The commands that make and judge routers; `pointsman` mounts them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from router_training.add_command import add_model
from router_training.embed_command import embed
from router_training.grade_command import grade
from router_training.import_command import import_outcomes
from router_training.inspect_command import inspect
from router_training.judge_command import judge
from router_training.label_command import datasheet, label
from router_training.models_command import app as models_app
from router_training.replay_command import replay
from router_training.retrain_command import retrain
from router_training.tasks_command import app as tasks_app
from router_training.terminal import progress_bars
from router_training.what_if_command import what_if

if TYPE_CHECKING:
    from router_training.contract import Catalogue
    from router_training.judging.joint_evaluation import JointEvaluation
    from router_training.outcomes import OutcomeTable
    from router_training.training import Trained

app = typer.Typer(no_args_is_help=True)

Data = Annotated[Path, typer.Argument(help="Outcomes: .csv, .jsonl or .parquet, one row per task and model.")]
Models = Annotated[
    Path | None,
    typer.Option("--models", help="Model cards with prices. Default: models.toml beside DATA, if there."),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Decides the split and everything random.")]
Router = Annotated[
    Path | None, typer.Option("--router", help="A trained router's folder. Default: the champion in MLflow.")
]


def read_catalogue(models: Path | None, data: Path, table: OutcomeTable) -> Catalogue:
    """Return the cards: the file given, else models.toml beside the data, else prices fitted to the outcomes."""
    from router_training.catalogue import catalogue_from_outcomes, load_catalogue  # spares pandas and scipy

    beside = data.parent / "models.toml"
    if models is None and not beside.is_file():
        return catalogue_from_outcomes(table)
    return load_catalogue(models or beside)


@app.command()
def train(
    data: Data,
    models: Models = None,
    out: Annotated[
        Path,
        typer.Option("--out", file_okay=False, help="Folder for the router, its evaluation and the picture."),
    ] = Path("runs/router"),
    encoder: Annotated[
        str, typer.Option("--encoder", help="A sentence-transformers model: name or path.")
    ] = "all-MiniLM-L6-v2",
    seed: Seed = 0,
    track: Annotated[bool, typer.Option("--track/--no-track", help="Log to MLflow and register.")] = True,
    promise: Annotated[
        str | None,
        typer.Option("--promise", help='What to promise: "quality>=0.97 of best, confidence 0.95".'),
    ] = None,
) -> None:
    """Train a router on labelled outcomes and judge it against constants.

    The outcomes are split so that no prompt, nor a near-duplicate, is on both sides. Success models compete by
    cross-validation with the best constant among them; the winner is calibrated, and judged on the test part.
    It becomes champion only if it beats every constant there.

    With --promise, the cheapest dial is found for which tasks kept aside support the promise. Where they do not, the
    router is saved without it, does not become champion, and the command ends with exit code 2.

    Example: pointsman train datasets/starter/outcomes.parquet
    """
    from router_training.contract import DataError
    from router_training.embedding import load_encoder  # spares onnxruntime
    from router_training.guarantee import Claim
    from router_training.outcomes import load_outcomes
    from router_training.report import render_candidates, render_table
    from router_training.training import record, train_router

    console = Console()
    claim = None if promise is None else Claim.parse(promise)
    table = load_outcomes(data)
    catalogue = read_catalogue(models, data, table)
    console.print(f"{len(table):,} tasks, {len(table.models)} models in {data}")
    with progress_bars(console) as progress:
        trained = train_router(
            table,
            out,
            catalogue=catalogue,
            encoder=load_encoder(encoder),
            seed=seed,
            progress=progress,
            claim=claim,
        )
    console.print(render_candidates(trained.policy.metadata), render_table(trained.evaluation))
    console.print(trained.evaluation.verdict, style="bold")
    if track:
        from router_training.tracking import open_store  # spares mlflow

        store = open_store()
        version = record(trained, store, seed=seed)
        role = "the champion" if trained.serves else "no champion: it does not beat every constant"
        if trained.refusal is not None:
            role = "no champion: what was asked could not be promised"
        console.print(f"MLflow ({store.place}) keeps it as version {version}, {role}.")
    _print_place(console, trained)
    if trained.refusal is not None:
        raise DataError(trained.refusal)
    if claim is not None:
        console.print(trained.policy.promise_status().sentence, style="bold")


def _print_place(console: Console, trained: Trained) -> None:
    """Print where a router was written, which one it replaced there, and what comparing answers comes to."""
    if trained.replaced is not None:
        console.print(trained.replaced, markup=False)
    console.print(f"The router, report.html, evaluation.json and the pictures are in {trained.folder}.")
    _print_joint(console, trained.compared, trained.folder)


def evaluate_router(data: Path, router: Path | None, models: Path | None, out: Path, resamples: int) -> None:
    """Judge a router on outcomes it was not trained on, and print and write what was found."""
    from router_training.outcomes import load_outcomes
    from router_training.report import render_slices, render_table
    from router_training.serving import open_for
    from router_training.training import judge, judge_joint, judged_part

    console = Console()
    table = load_outcomes(data)
    opened = open_for(table, router, read_catalogue(models, data, table))
    with progress_bars(console) as progress:
        found = judge(opened.policy, table, out, n_boot=resamples, progress=progress)
    test, _ = judged_part(opened.policy, table)
    seed = int(opened.policy.metadata.get("seed", 0))
    compared = judge_joint(
        opened.policy, opened.answer_model, opened.joint, test, out, n_boot=resamples, seed=seed
    )
    console.print(found.part, render_table(found.evaluation), render_slices(found.evaluation))
    console.print(found.evaluation.verdict, style="bold")
    console.print(f"report.html, evaluation.json and the pictures are in {out}.")
    _print_joint(console, compared, out)


def _print_joint(console: Console, compared: JointEvaluation | None, out: Path) -> None:
    """Print what comparing answers comes to, where answers are known."""
    if compared is None:
        return
    from router_training.judging.joint_evaluation import render_joint

    console.print(render_joint(compared))
    console.print(compared.verdict(), style="bold")
    console.print(f"joint.json and joint.png are in {out}.")


app.command()(retrain)
app.command()(replay)
app.command()(add_model)
app.command("import")(import_outcomes)
app.add_typer(models_app, name="models")
app.add_typer(tasks_app, name="tasks")
app.command()(label)
app.command()(grade)
app.command()(judge)
app.command()(embed)
app.command()(inspect)
app.command("what-if")(what_if)
app.command()(datasheet)
