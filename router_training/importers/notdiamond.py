"""Not Diamond's training and evaluation tables (CSV): a prompt column, then `provider/model/score` and `/response`.

`/cost` (USD) and `/latency` (milliseconds) are read where they stand. The prompt column is named by the user there: say
--column NAME=prompt unless it is called prompt, query, question or input. Columns of `notdiamond/` are the router's own
and left out.
"""

from __future__ import annotations

from pathlib import Path

from router_training.contract import DataError, UsageError
from router_training.importing.cells import Cells, Choices
from router_training.importing.guessing import TASK
from router_training.importing.layout import Layout, columns_of, read_table, suffixed

OWN = {"/score": "quality", "/response": "response", "/cost": "cost_usd", "/latency": "latency_ms"}
SUFFIXES = (".csv",)
ROUTER = "notdiamond"


def cells(path: Path, choices: Choices) -> Cells:
    """Yield one cell per row and model.

    Raises:
        DataError: if no column ends in /score.
        UsageError: if no column is known to hold the prompt.
    """
    columns, _ = columns_of(path, SUFFIXES)
    models = {
        model: own for model, own in suffixed(columns, OWN).items() if model != ROUTER and "quality" in own
    }
    if not models:
        raise DataError(f"{path} is not Not Diamond's: no column ends in /score; try the format wide")
    said = [column for column, role in choices.columns.items() if role == "prompt" and column in columns]
    prompts = [*said, *(column for name in TASK["prompt"] for column in columns if column.lower() == name)]
    if not prompts:
        raise UsageError(f"no column of {path} is called prompt; say --column NAME=prompt")
    return read_table(path, Layout({"prompt": prompts[0]}, models), SUFFIXES)
