"""The main job on one table: train, judge, answer through the graph, log to MLflow, retrain behind the gate."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestrator.collecting import drain
from orchestrator.feedback import MemorySink, Spool
from orchestrator.graph import build_graph
from orchestrator.models import recorded_models
from orchestrator.pages import path_tree
from orchestrator.verifiers import standard
from router_training.catalogue import load_catalogue
from router_training.contract import DataError, RequestRecord
from router_training.embedding import load_encoder
from router_training.outcomes import OutcomeTable, load_outcomes
from router_training.policy import Policy, load_policy
from router_training.records.champion_pointer import read_pointer
from router_training.report import render_candidates, render_table
from router_training.retrain_command import print_verdict
from router_training.retraining import retrain
from router_training.serving import versioned
from router_training.tables.merging import learned_from, three_parts
from router_training.terminal import progress_bars
from router_training.tracking import Store, open_store
from router_training.training import Trained, record, train_router

SHOWN = 2
TRACES = 150


@dataclass(frozen=True)
class Stage:
    """Where the demo reads, writes and prints."""

    console: Console
    data: Path
    out: Path
    requests: int
    seed: int


def run_demo(console: Console, *, data: Path, out: Path, requests: int = 300, seed: int = 0) -> None:
    """Run every step and print what it found.

    Raises:
        DataError: if the table cannot be used.
    """
    started = time.monotonic()
    stage = Stage(console, data, out, requests, seed)
    table = load_outcomes(data)
    _show_outcomes(console, table, data)
    trained = _train(stage, table)
    store, version = _register(stage, table, trained)
    records = _answer(stage, table, trained, versioned(trained.policy, version))
    _log(console, store, out, records)
    _retrain(stage, store, table, trained)
    console.rule(f"done in {time.monotonic() - started:.0f} s")
    console.print(
        f"The picture is {out / 'curve.png'}. Next: pointsman route 'Sort: 5, 3, 9', pointsman --help, "
        "and your own outcomes: pointsman train YOUR.csv --models models.toml"
    )


def _show_outcomes(console: Console, table: OutcomeTable, data: Path) -> None:
    console.rule("1 of 6: labelled outcomes")
    page = Table(title=f"{len(table):,} tasks, each answered by every model ({data})", title_justify="left")
    page.add_column("model")
    for name in ("accuracy", "USD per 1,000", "median seconds"):
        page.add_column(name, justify="right")
    usd = np.nanmean(table.cost_usd, axis=0)
    for j in np.argsort(usd):
        quality, seconds = np.nanmean(table.quality[:, j]), np.nanmedian(table.latency_s[:, j])
        page.add_row(escape(table.models[j]), f"{quality:.3f}", f"{usd[j] * 1000:.4g}", f"{seconds:.2f}")
    page.add_row(
        "oracle (cheapest that is right)", f"{np.nanmean(np.nanmax(table.quality, axis=1)):.3f}", "", ""
    )
    console.print(page)


def _train(stage: Stage, table: OutcomeTable) -> Trained:
    stage.console.rule("2 of 6: train a router; the best constant is among the candidates")
    with progress_bars(stage.console) as progress:
        trained = train_router(
            table,
            stage.out,
            catalogue=load_catalogue(stage.data.parent / "models.toml"),
            encoder=load_encoder(),
            seed=stage.seed,
            progress=progress,
        )
    stage.console.print(render_candidates(trained.policy.metadata))
    stage.console.rule(
        "3 of 6: judge it on the held-out part, beside constants, mixes, a twin and the oracle"
    )
    stage.console.print(render_table(trained.evaluation))
    stage.console.print(trained.evaluation.verdict, style="bold")
    return trained


def _register(stage: Stage, table: OutcomeTable, trained: Trained) -> tuple[Store, str]:
    console = stage.console
    console.rule("4 of 6: register it in MLflow")
    with console.status("opening the records (the first time takes some seconds)"):
        store, kept = records_for(table, stage.out)
        version = record(trained, store, seed=stage.seed)
    if kept is not None:
        console.print(kept, style="bold")
    serves = "and is champion" if trained.evaluation.pays else "but does not beat every constant: no champion"
    console.print(f"Version {version} is in the registry at {store.place} {serves}.")
    return store, version


def records_for(table: OutcomeTable, out: Path) -> tuple[Store, str | None]:
    """Return where the demo registers and logs, and a sentence where that is a place of its own.

    A champion that did not learn from the demo's table serves somebody: neither it nor its feedback is touched, and
    the demo's records lie under `out`.
    """
    store, champion = open_store(), read_pointer()
    if champion is None or _is_taught_by(store, table):
        return store, None
    own = open_store(f"sqlite:///{out / 'records' / 'mlflow.db'}")
    return own, (
        f"The champion in {store.place}, version {champion.version}, did not learn from the demo's data, so it stays: "
        f"the demo keeps its own versions and feedback beside, in {own.place}."
    )


def _is_taught_by(store: Store, table: OutcomeTable) -> bool:
    """Tell whether the champion learned from this table; one that cannot be read is somebody else's."""
    try:
        champion = store.champion()
        policy = None if champion is None else load_policy(champion.path)
    except DataError:
        return False
    if policy is None:
        return True
    seed = int(policy.metadata.get("seed", 0))
    return learned_from(policy, three_parts(table, seed).train)


def _answer(stage: Stage, table: OutcomeTable, trained: Trained, policy: Policy) -> list[RequestRecord]:
    console = stage.console
    console.rule("5 of 6: answer held-out prompts through the graph")
    traffic = three_parts(table, stage.seed).traffic
    traffic = traffic.take(np.arange(min(stage.requests, len(traffic))))
    console.print(
        "The answers are recordings: what the real models said to these prompts, with its true cost."
    )
    sink = MemorySink()
    graphs = {
        strategy: build_graph(
            policy,
            strategy=strategy,
            models=recorded_models(table),
            verifier=standard(trained.answer_model),
            joint=trained.joint,
            feedback=feedback,
        )
        for strategy, feedback in (("cost_based", None), ("fallback(cascade)", sink))
    }
    rows = {name: _serve(console, graph, traffic, name) for name, graph in graphs.items()}
    console.print(_traffic_page(traffic, rows))
    return sink.records


def _serve(console: Console, graph: Any, traffic: OutcomeTable, name: str) -> list[tuple[float, float]]:
    """Answer every prompt; return (usd, gold quality) per request, and show how the escalated ones went."""
    found: list[tuple[float, float]] = []
    shown: list[Any] = []
    with progress_bars(console) as progress:
        for i, prompt in enumerate(traffic.prompts):
            answer = graph.invoke({"input": prompt, "task_type": traffic.task_types[i]})
            quality = traffic.quality[i, traffic.models.index(answer["model"])] if answer["model"] else np.nan
            found.append((answer["usd"], float(quality)))
            if len(answer["attempts"]) > 1 and len(shown) < SHOWN:
                shown.append((prompt, answer))
            progress(f"{name}: requests", i + 1, len(traffic))
    for prompt, answer in shown:
        console.print(f"\n[bold]{escape(prompt)}[/bold]", path_tree(answer))
    return found


def _traffic_page(traffic: OutcomeTable, rows: dict[str, list[tuple[float, float]]]) -> Table:
    page = Table(
        title=f"Who answers {len(traffic):,} requests, and how well (gold labels)", title_justify="left"
    )
    page.add_column("who answers")
    for name in ("quality", "USD per 1,000"):
        page.add_column(name, justify="right")
    for j, model in enumerate(traffic.models):
        quality, usd = np.nanmean(traffic.quality[:, j]), np.nanmean(traffic.cost_usd[:, j])
        page.add_row(escape(f"always {model}"), f"{quality:.3f}", f"{usd * 1000:.4g}")
    page.add_section()
    for strategy, found in rows.items():
        usd, quality = np.nanmean(np.asarray(found), axis=0)
        page.add_row(escape(f"graph, {strategy}"), f"{quality:.3f}", f"{usd * 1000:.4g}", style="bold")
    return page


def _log(console: Console, store: Store, out: Path, records: list[RequestRecord]) -> None:
    console.rule("6 of 6: learn from it")
    with Spool(out / "spool") as spool:
        for one in records:
            spool(one)
        with console.status(f"logging {len(records)} requests to MLflow"):
            shipped = drain(spool, store, trace_limit=TRACES)
    console.print(
        f"{shipped} requests are in MLflow with the verifier's confidence as feedback, up to {TRACES} of them "
        "(escalations and failures always) as full traces."
    )


def _retrain(stage: Stage, store: Store, table: OutcomeTable, trained: Trained) -> None:
    with progress_bars(stage.console) as progress:
        verdict = retrain(
            store,
            table,
            catalogue=trained.policy.catalogue,
            seed=stage.seed,
            encoder=trained.policy.encoder,
            progress=progress,
        )
    print_verdict(stage.console, verdict)
