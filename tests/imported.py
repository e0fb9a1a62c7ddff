"""What the tests of importers share: files of JSON lines, and what an import makes of a file."""

import json

import pandas as pd

from router_training import importers
from router_training.importing.cells import Choices
from router_training.importing.gathering import gather


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records)


def imported(name, path, tmp_path, **choices):
    """Return the rows that `pointsman import` writes, by (prompt, model), and what it found."""
    full_marks = choices.pop("full_marks", 1.0)
    found = gather(
        importers.load(name)(path, Choices(**choices)), tmp_path / "out.parquet", full_marks=full_marks
    )
    frame = pd.read_parquet(found.out).astype(object)
    rows = frame.where(frame.notna(), None).to_dict("records")
    return {(row["prompt"], row["model"]): row for row in rows}, found


def rejections(found):
    if not found.rejected_path.exists():
        return []
    return [json.loads(line) for line in found.rejected_path.read_text().splitlines()]
