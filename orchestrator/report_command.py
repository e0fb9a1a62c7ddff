"""`pointsman report`: judge a router, beside others and strategies, and write the page, the pictures and the summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from router_training.cli import Data, Models, Router, read_catalogue
from router_training.terminal import progress_bars

if TYPE_CHECKING:
    from router_training.contract import Catalogue
    from router_training.judging.comparison import Comparison, Way
    from router_training.judging.controls import Grid
    from router_training.judging.evaluation_result import Evaluation
    from router_training.outcomes import OutcomeTable
    from router_training.serving import Opened

CHAMPION = "champion"


def report(
    data: Data,
    router: Router = None,
    models: Models = None,
    out: Annotated[
        Path, typer.Option("--out", file_okay=False, help="Folder for the page and what belongs to it.")
    ] = Path("runs/report"),
    resamples: Annotated[int, typer.Option("--resamples", min=100, help="Of the bootstrap.")] = 10_000,
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against", help="Compare with this router too: champion, or a folder; may be repeated."
        ),
    ] = None,
    dial: Annotated[
        list[float] | None, typer.Option("--dial", help="Compare at these dials; may be repeated.")
    ] = None,
    strategies: Annotated[
        str | None,
        typer.Option("--strategies", help="Compare these strategies too: all, or 'cascade, ensemble'."),
    ] = None,
    track: Annotated[
        bool, typer.Option("--track/--no-track", help="Log figures and files to MLflow as a run of its own.")
    ] = False,
) -> None:
    """Write one page that shows what routing saves, at what quality, and how sure that is; it opens from disk.

    Beside report.html lie summary.md (for a pull request), evaluation.json, and curve and reliability as PNG and SVG. Whatever is
    compared answers the same tasks; differences are paired, from the first router of --against, else from the router itself.

    Example: pointsman report datasets/starter/outcomes.parquet --strategies all
    """
    from orchestrator.limits import Limits
    from orchestrator.strategies import listed

    dials = [Limits(one).dial for one in dial or (0.8,)]
    names = () if strategies is None else listed(strategies, recorded=True)  # before anything slow

    from router_training.outcomes import load_outcomes  # spares pandas
    from router_training.reporting.files import FIGURES, PAGE, REPORTS
    from router_training.reporting.story import saving_sentence
    from router_training.reporting.summary import compared
    from router_training.serving import open_for
    from router_training.training import judge

    console = Console()
    table = load_outcomes(data)
    catalogue = read_catalogue(models, data, table)
    opened = open_for(table, router, catalogue)
    others = [open_for(table, None if one == CHAMPION else Path(one), catalogue) for one in against or ()]
    told: list[Comparison] = []

    def compare_with(part: OutcomeTable) -> Comparison:
        told.append(_compared(opened, others, part, table, catalogue, dials, names, resamples))
        return told[0]

    with progress_bars(console) as progress:
        found = judge(
            opened.policy,
            table,
            out,
            n_boot=resamples,
            progress=progress,
            compare_with=compare_with if others or names or len(dials) > 1 else None,
        )
    console.print(found.part)
    console.print(saving_sentence(found.evaluation), style="bold")
    if told:
        console.print("\n".join(compared(told[0])), markup=False, highlight=False, soft_wrap=True)
    if track:
        place = _track(found.evaluation, out, {"router": opened.origin, "outcomes": str(data)}, bool(told))
        console.print(f"MLflow ({place}) keeps them.")
    others_written = [name for name in (*REPORTS, *FIGURES) if name != PAGE]
    console.print(
        f"{out / PAGE} opens in any browser; {', '.join(others_written)} lie beside it.", soft_wrap=True
    )


def _track(evaluation: Evaluation, out: Path, params: Mapping[str, str], is_compared: bool) -> str:
    """Log a judgement with the files in `out` as a run; return where MLflow keeps it."""
    from router_training.reporting.files import COMPARISON, FIGURES, REPORTS
    from router_training.tracking import open_store  # spares mlflow, 2 s

    store = open_store()
    reports = (*REPORTS, COMPARISON) if is_compared else REPORTS
    store.log_evaluation(
        metrics=evaluation.metrics(),
        params={**params, "n_boot": evaluation.n_boot},
        figures=[out / name for name in FIGURES],
        reports=[out / name for name in reports],
        tags={"verdict": evaluation.verdict},
    )
    return store.place


def _compared(
    opened: Opened,
    others: Sequence[Opened],
    part: OutcomeTable,
    whole: OutcomeTable,
    catalogue: Catalogue,
    dials: Sequence[float],
    strategies: Sequence[str],
    resamples: int,
) -> Comparison:
    """Compare the router with other routers, itself at other dials, and strategies, on the tasks all can be judged on."""
    from router_training.contenders import Contender, common_grid, policy_ways
    from router_training.judging.comparison import compare

    contenders = [Contender(f"router ({opened.origin})", opened.policy)]
    contenders += [Contender(one.origin, one.policy) for one in others]
    grid, kept = common_grid(part, contenders, catalogue)
    ways = policy_ways(contenders, part, whole, grid, kept, dials)
    if strategies:
        ways += _replayed(strategies, opened, part.take(kept), grid, dials)
    return compare(grid, ways, len(dials) if others else 0, n_boot=resamples)


def _replayed(
    names: Sequence[str], opened: Opened, part: OutcomeTable, grid: Grid, dials: Sequence[float]
) -> list[Way]:
    from orchestrator.replay import record, replay  # spares langgraph, 1.6 s
    from router_training.contract import DataError
    from router_training.judging.comparison import Way

    recordings = record(opened.policy, opened.answer_model, part, joint=opened.joint)
    if len(recordings) < len(grid):
        raise DataError(
            f"{part.origin} has the answers of all models to only {len(recordings):,} of {len(grid):,} tasks; strategies are "
            "compared where every answer is recorded: leave --strategies out, or record the others"
        )
    played = [(name, dial, replay(recordings, name, dial=dial)) for name in names for dial in dials]
    return [Way(f"{name}, dial {dial:g}", one.usd, one.quality) for name, dial, one in played]
