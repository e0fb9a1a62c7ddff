"""EmbedLLM (CSV): one row per question and model: prompt_id, prompt, model_id, label (1 where the answer was right).

`model_name` is taken for the model where there is one, and `category` for the task type.
"""

from __future__ import annotations

from pathlib import Path

from router_training.contract import DataError
from router_training.importing.cells import Cells, Choices
from router_training.importing.layout import MODEL, Layout, columns_of, present, read_table

NAMES = {
    "task_id": "prompt_id",
    "prompt": "prompt",
    "quality": "label",
    "task_type": "category",
    "source": "category",
}


def cells(path: Path, choices: Choices) -> Cells:
    """Yield one cell per row.

    Raises:
        DataError: if a column is missing.
    """
    columns, _ = columns_of(path)
    model = "model_name" if "model_name" in columns else "model_id"
    missing = [name for name in ("prompt", "label", model) if name not in columns]
    if missing:
        raise DataError(
            f"{path} is not EmbedLLM: it has no column {missing[0]} (found: {', '.join(columns[:20])})"
        )
    return read_table(path, Layout(present(columns, NAMES) | {MODEL: model}))
