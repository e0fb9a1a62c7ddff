"""`pointsman embed`: the vectors of many prompts, made before they are needed."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from router_training.labels.engines import Engine
from router_training.terminal import progress_bars

if TYPE_CHECKING:
    from router_training.embedding import Encoder
    from router_training.encoding.vector_cache import Spread


def embed(
    data: Annotated[
        Path,
        typer.Argument(
            help="Outcomes (.csv, .jsonl, .parquet), or tasks, which may also lie in a folder of files."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder for encoder and vectors. Default: the cache that every command reads."
        ),
    ] = None,
    encoder: Annotated[
        str, typer.Option("--encoder", help="A sentence-transformers model: name or path.")
    ] = "all-MiniLM-L6-v2",
    workers: Annotated[
        int,
        typer.Option("--workers", min=0, help="Processes, or Ray actors, that encode; 0: one per processor."),
    ] = 0,
    engine: Annotated[
        Engine,
        typer.Option(
            "--engine",
            help="Who encodes: this machine, or the nodes of a Ray cluster, which on one machine takes longer.",
        ),
    ] = Engine.LOCAL,
) -> None:
    """Make the vectors of a file's prompts, which train, evaluate and the others then read instead of making them.

    Every prompt is encoded once; a run that was cut, however it ended, continues where it stopped. The vectors are the
    same whoever makes them.

    Example: pointsman embed outcomes.parquet
    """
    from router_training.embedding import load_encoder  # spares onnxruntime
    from router_training.encoding.prompts import prompts_of

    console = Console()
    loaded = load_encoder(encoder, cache_dir=out)
    prompts = prompts_of(data)
    cache = loaded.cache(out)
    with progress_bars(console) as progress:
        made = cache.fill(prompts, _spread(engine, loaded, workers), progress)
    console.print(
        f"{len(set(prompts)):,} different prompts in {data}: {made:,} encoded now, the others known; their vectors are in "
        f"{cache.path}.",
        soft_wrap=True,
    )
    if out is not None:
        console.print(
            f"To use them: POINTSMAN_CACHE={shlex.quote(str(out))} pointsman train ...",
            soft_wrap=True,
            markup=False,
        )


def _spread(engine: Engine, encoder: Encoder, workers: int) -> Spread:
    if engine is Engine.RAY:
        from router_training.encoding.ray_vectors import over_ray  # spares ray, 1 s

        return over_ray(encoder, workers or None)
    from router_training.encoding.processes import over_processes

    return over_processes(encoder, workers or os.cpu_count() or 1)
