"""RouterBench (Martian): a wide table with `model`, `model|model_response` and `model|total_cost`.

As published it is a pickle, which may run any code when read: convert it to Parquet, or trust it by name. The prompt and
the responses are lists written as Python text. `oracle_model_to_route_to` is derived and left out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from router_training.contract import DataError, UsageError
from router_training.importing.cells import Cells, Choices
from router_training.importing.layout import Layout, columns_of, present, suffixed
from router_training.importing.records import TABLES, Place, Record, Rejected, read_records

PICKLES = (".pkl", ".pickle")
TASK = {"task_id": "sample_id", "prompt": "prompt", "source": "eval_name", "task_type": "eval_name"}
OWN = {"|model_response": "response", "|total_cost": "cost_usd"}


def cells(path: Path, choices: Choices) -> Cells:
    """Yield the cells of RouterBench.

    Raises:
        UsageError: if `path` is a pickle that the user did not say to trust.
        DataError: if the columns are not RouterBench's, or a trusted pickle is no table.
    """
    if path.suffix.lower() not in PICKLES:
        columns, records = columns_of(path)[0], read_records(path, TABLES)
    elif choices.trust_pickle:
        rows = _pickled(path)
        columns, records = list(rows[0].values), iter(rows)
    else:
        raise UsageError(
            f"{path} is a pickle, and reading one runs whatever code it holds; convert it to Parquet where you trust it, "
            "or say --trust-pickle"
        )
    models = suffixed(columns, OWN)
    if not models or "prompt" not in columns:
        raise DataError(
            f"{path} is not RouterBench: it has no columns prompt and MODEL|total_cost; try the format wide"
        )
    for model in models:
        models[model]["quality"] = model
    layout = Layout(present(columns, TASK), models)
    return _cells(records, layout)


def _cells(records: Iterator[Record | Rejected], layout: Layout) -> Cells:
    for record in records:
        if isinstance(record, Rejected):
            yield record
            continue
        unlisted = {name: _unlisted(value) for name, value in record.values.items()}
        yield from layout.cells(Record(record.place, unlisted))


def _unlisted(value: Any) -> Any:
    """Return the text of a list that was written as text: "['Question?']" holds one prompt."""
    if not isinstance(value, str) or not value.startswith(("['", '["')):
        return value
    try:
        parts = ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value
    return "\n".join(map(str, parts)) if isinstance(parts, list) else value


def _pickled(path: Path) -> list[Record]:
    import pickle

    import pandas as pd  # spares formats that are read line by line

    broken = (
        pickle.UnpicklingError,
        OSError,
        ValueError,
        EOFError,
        AttributeError,
        ImportError,
        LookupError,
        TypeError,
    )
    try:
        frame = pd.read_pickle(path)  # noqa: S301 -- the user said --trust-pickle
    except broken as error:
        raise DataError(
            f"{path} is not a pickle that can be read ({error}); convert it to Parquet"
        ) from error
    if not isinstance(frame, pd.DataFrame) or frame.empty:
        raise DataError(f"{path} holds a {type(frame).__name__}, not a table with rows; try another file")
    rows = enumerate(frame.to_dict("records"), start=1)
    return [
        Record(Place(str(path), "row", number), {str(name): row[name] for name in row})
        for number, row in rows
    ]
