"""What the commands share: progress bars, and the page of a retraining."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from router_training.challenger import Verdict

Report = Callable[[str, int, int], None]


@contextmanager
def progress_bars(console: Console) -> Iterator[Report]:
    """Yield a function of (label, done, total) that draws one bar per label."""
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bars:
        tasks: dict[str, int] = {}

        def report(label: str, done: int, total: int) -> None:
            if label not in tasks:
                tasks[label] = int(bars.add_task(label, total=total))
            bars.update(bars.task_ids[tasks[label]], completed=done, total=total)

        yield report


def render_verdict(verdict: Verdict) -> Table:
    """Return champion and challenger side by side on the gate's gold."""
    seen = "that neither side has seen" if verdict.gate_is_unseen else "of which the champion may know some"
    taught = (
        f"The challenger learned from {verdict.n_gold:,} gold tasks and {verdict.n_feedback:,} answers "
        "that the verifier scored"
    )
    if verdict.version is None and verdict.challenger is None:
        taught = "No challenger was trained"
    table = Table(
        title=f"Gate: {verdict.n_gate_tasks:,} gold tasks {seen}, dial {verdict.dial:.2f}",
        title_justify="left",
        caption=f"{taught}; {_left_out(verdict.left_out)}.",
        caption_justify="left",
    )
    table.add_column("")
    for name in ("version", "quality", "USD per 1,000"):
        table.add_column(name, justify="right")
    sides = (
        ("before: champion", verdict.champion_version, verdict.champion),
        ("after: challenger", verdict.version, verdict.challenger),
    )
    for name, version, point in sides:
        figures = ("-", "-") if point is None else (f"{point[1]:.3f}", f"{point[0] * 1000:.4g}")
        table.add_row(name, version or "-", *figures)
    return table


def _left_out(reasons: Mapping[str, int]) -> str:
    """Return how many rows of feedback taught nothing, and why, the commonest reason first."""
    said = f"{sum(reasons.values()):,} feedback rows were left out"
    counts = sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
    return f"{said}: {', '.join(f'{reason} ({n:,})' for reason, n in counts)}" if counts else said
