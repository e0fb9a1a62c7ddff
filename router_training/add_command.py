"""The command `add-model`: a new model joins a router from its own labelled tasks."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from router_training.adding import Addition
    from router_training.serving import Opened


def add_model(
    name: Annotated[str, typer.Argument(help="The new model, as its outcomes and its card call it.")],
    outcomes: Annotated[Path, typer.Argument(help="Outcomes of that model, 40 graded tasks or more.")],
    router: Annotated[
        Path | None,
        typer.Option("--router", help="A trained router's folder. Default: the champion in MLflow."),
    ] = None,
    models: Annotated[
        Path | None, typer.Option("--models", help="Model cards. Default: models.toml beside OUTCOMES.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", file_okay=False, help="Folder for the router with the new model.")
    ] = Path("runs/added"),
    promote: Annotated[
        bool, typer.Option("--promote", help="Make it the champion; only without --router.")
    ] = False,
) -> None:
    """Add a model to a trained router from as few as 40 labelled tasks; the other models keep what they learned.

    The new model's success is learned from the others' forecasts and kept below what its labels say by one standard
    error, so that luck on a few tasks is not taken for quality. The table says what more labels would bring.
    A promise made at training is void. A router from MLflow is registered as a new version.

    Example: pointsman add-model new-model labelled.parquet --router runs/router
    """
    from router_training.adding import add_model as add  # spares scipy and onnxruntime
    from router_training.catalogue import catalogue_from_outcomes, load_catalogue
    from router_training.contract import UsageError
    from router_training.outcomes import load_outcomes
    from router_training.serving import open_router

    if promote and router is not None:
        raise UsageError("--promote concerns the registry, but --router names a folder; give one of them")
    console = Console()
    table = load_outcomes(outcomes)
    opened = open_router(router)
    beside = outcomes.parent / "models.toml"
    priced = models is not None or beside.is_file()
    catalogue = load_catalogue(models or beside) if priced else catalogue_from_outcomes(table)
    found = add(opened.policy, name, table, catalogue)
    console.print(render_quality(found, name), render_payoffs(found))
    if opened.policy.promise is not None:
        console.print("The promise that was made at training is void: the models have changed.")
    save(found, opened, out)
    console.print(f"The router with {name} is in {out}.")
    if router is None:
        _register(found, out, promote, console)


def save(found: Addition, opened: Opened, out: Path) -> None:
    """Write policy/ and, where there is one, the answer model, which knows nothing of the new model's habits."""
    from router_training.earlier import remove_earlier  # spares reading answer models

    out.mkdir(parents=True, exist_ok=True)
    remove_earlier(out)
    found.policy.save(out / "policy")
    if opened.answer_model is not None:
        opened.answer_model.save(out / "answer_model")


def render_quality(found: Addition, name: str) -> Table:
    """Return the new model's quality beside what is forecast of the others on the same tasks."""
    left = f"; {found.n_left_out} rows without a grade were left out" if found.n_left_out else ""
    table = Table(title=f"{found.n_labels} graded tasks of {name}{left}", title_justify="left")
    table.add_column("model")
    for column in ("quality", "95% interval", "forecast"):
        table.add_column(column, justify="right")
    quality = found.quality
    span = f"{quality.low:.3f} to {quality.high:.3f}"
    table.add_row(name, f"{quality.value:.3f}", span, f"{found.forecast:.3f}", style="bold")
    for other, forecast in found.others.items():
        table.add_row(other, "-", "-", f"{forecast:.3f}")
    return table


def render_payoffs(found: Addition) -> Table | str:
    """Return what the router gains at growing numbers of labels, or why that cannot be said."""
    if not found.payoffs:
        return f"{found.n_labels} labels are too few to say what more of them would bring."
    table = Table(
        title="What labels bring: quality per task gained by adding the model",
        title_justify="left",
        caption="Learned from some of the labelled tasks, judged on the others; of the other models the forecast counts.",
        caption_justify="left",
    )
    for column in ("labels", "gain", "standard deviation"):
        table.add_column(column, justify="right")
    for point in found.payoffs:
        table.add_row(f"{point.n_labels:,}", f"{point.gain:+.4f}", f"{point.spread:.4f}")
    return table


def _register(found: Addition, out: Path, promote: bool, console: Console) -> None:
    from router_training.tracking import open_store  # spares mlflow where a folder is given

    store = open_store()
    answers = out / "answer_model"
    run = store.log_training(
        out / "policy",
        answer_model_dir=answers if answers.is_dir() else None,
        params=found.policy.metadata_params(),
        metrics={f"added_{key}": value for key, value in asdict(found.quality).items()},
        data_digest=str(found.policy.metadata["data_digest"]),
    )
    if promote:
        store.promote(run.version)
    role = "the champion" if promote else "not yet the champion (--promote makes it so)"
    console.print(f"MLflow ({store.place}) keeps it as version {run.version}, {role}.")
