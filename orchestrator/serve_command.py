"""`pointsman serve`, `pointsman collect` and `pointsman rollback`."""

from __future__ import annotations

import errno
import logging
import os
import socket
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from orchestrator.settings import PREFIX, Settings
from router_training.contract import DataError, UsageError


def serve(
    router: Annotated[
        Path | None, typer.Option("--router", help="A trained router's folder. Default: the champion.")
    ] = None,
    models: Annotated[
        Path | None, typer.Option("--models", help="Model cards with prices. Default: the router's own.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Labelled outcomes: explanations show the nearest of them.")
    ] = None,
    host: Annotated[str | None, typer.Option("--host", help="Where to listen; 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option("--port", min=0, max=65535, help="The port; 8080.")] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Processes; 1.")] = None,
    strategy: Annotated[str | None, typer.Option("--strategy", help="What answers `auto`.")] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Replay the recorded answers of the starter tasks; needs no key.")
    ] = False,
) -> None:
    """Answer wherever an OpenAI client points: /v1/chat/completions, /v1/responses, and a page at /.

    Every setting may also stand in the environment, as POINTSMAN_PORT does.

    With --demo only prompts of the starter tasks have an answer, others get 400. What the demo serves is no traffic of
    yours: it is spooled in runs/demo/served (POINTSMAN_SPOOL names another place), which `pointsman status` does not
    count and `pointsman collect` carries only with --spool runs/demo/served.

    Example: pointsman serve --demo, then http://127.0.0.1:8080
    """
    settings = Settings.read(
        os.environ,
        router=router,
        models=models,
        data=data,
        host=host,
        port=port,
        workers=workers,
        strategy=strategy,
        demo=demo or None,
    )
    mistyped = Settings.mistyped(os.environ)
    if mistyped is not None:
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"pointsman: {mistyped}", markup=False)
    require_free(settings.host, settings.port)
    if settings.demo:
        settings = _with_demo_router(Console(), settings)
    from orchestrator.gateway.start import serve as run  # spares langgraph, 1.6 s

    run(settings)


def require_free(host: str, port: int) -> None:
    """Check that one can listen there, before anything slow is loaded.

    Raises:
        UsageError: if the host has no address, or the port is in use or not allowed.
    """
    try:
        places = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise UsageError(
            f"the host {host!r} has no address ({error.strerror}); give another with --host"
        ) from error
    for family, kind, protocol, _, address in places:
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as uvicorn does
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(address)
        except OSError as error:
            if family == socket.AF_INET6 and error.errno != errno.EADDRINUSE:
                continue  # a machine without IPv6 serves the other addresses
            why = (
                "is in use; end what listens there, or give another port with --port"
                if error.errno == errno.EADDRINUSE
                else f"cannot be used ({error.strerror}); give another with --port or --host"
            )
            raise UsageError(f"port {port} of {host} {why}") from error


def _with_demo_router(console: Console, settings: Settings) -> Settings:
    """Return the settings of the demo, which spools apart, and whose router is trained where there is none yet."""
    from dataclasses import replace

    from orchestrator.gateway.opening import DEMO_DATA, DEMO_ROUTER, DEMO_SPOOL

    if not DEMO_DATA.is_file():
        raise DataError(f"{DEMO_DATA} is not here; run the demo in a checkout of the project")
    folder = settings.router or DEMO_ROUTER
    if not (folder / "policy").is_dir():
        _train(console, DEMO_DATA, folder)
    spool = settings.spool if os.environ.get(f"{PREFIX}SPOOL") else DEMO_SPOOL
    return replace(settings, router=folder, data=settings.data or DEMO_DATA, spool=spool)


def _train(console: Console, data: Path, folder: Path) -> None:
    from router_training.catalogue import load_catalogue  # needed only where nothing is trained yet
    from router_training.embedding import load_encoder
    from router_training.outcomes import load_outcomes
    from router_training.terminal import progress_bars
    from router_training.training import train_router

    console.print(f"There is no router in {folder} yet; training one on the starter tasks.")
    with progress_bars(console) as progress:
        options: dict[str, Any] = {"encoder": load_encoder(), "progress": progress}
        train_router(
            load_outcomes(data), folder, catalogue=load_catalogue(data.parent / "models.toml"), **options
        )


def collect(
    spool: Annotated[
        Path | None,
        typer.Option("--spool", file_okay=False, help="Where gateways spool. Default: mlruns/spool."),
    ] = None,
    every: Annotated[
        float | None,
        typer.Option(
            "--every", min=1.0, help="Go on, with so many seconds between two rounds. Default: once."
        ),
    ] = None,
) -> None:
    """Carry finished requests and feedback from the spools of gateways, running ones too, into MLflow for retraining.

    A running gateway closes its file every minute; what it writes just now follows the next time. With --every it goes
    on until it is told to stop, and waits for as long as MLflow is away.

    Example: pointsman collect && pointsman retrain datasets/starter/outcomes.parquet
    """
    from orchestrator.collecting import carry_once, rounds
    from router_training.tracking import UNAVAILABLE, open_store  # spares mlflow

    logging.getLogger("mlflow.store").setLevel(
        logging.CRITICAL
    )  # it raises what it logs, and logs what was asked
    parent, console = Settings.read(os.environ, spool=spool).spool, Console(soft_wrap=True, highlight=False)
    if every is None:
        console.print(carry_once(parent, open_store, UNAVAILABLE), markup=False)
        return
    for one in rounds(parent, open_store, UNAVAILABLE, every):
        if one.problem is not None:
            console.print(f"nothing carried, again in {one.pause_s:g} s: {one.problem}", markup=False)
        elif one.carried:
            console.print(f"{one.carried} requests carried")
        time.sleep(one.pause_s)


def rollback() -> None:
    """Let the previous champion serve again; running gateways take it within seconds.

    A second rollback undoes the first.

    Example: pointsman rollback
    """
    from router_training.tracking import open_store  # spares mlflow

    now, before = open_store().roll_back()
    Console(soft_wrap=True).print(
        f"Version {before} is champion again, as it was before version {now}; the next rollback returns to version {now}."
    )
