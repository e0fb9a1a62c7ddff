"""The labelled tasks that are most like a prompt, with how each model did on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from router_training.contract import Vectors
from router_training.embedding import Encoder
from router_training.outcomes import OutcomeTable, load_outcomes

MOST = 5
SHOWN_CHARACTERS = 300


@dataclass(frozen=True, eq=False)
class Labelled:
    """A table of n labelled tasks and its vectors, shape (n, d)."""

    table: OutcomeTable
    vectors: Vectors
    encoder: Encoder

    @classmethod
    def load(cls, path: Path, encoder: Encoder) -> Labelled:
        """Read a table; vectors that training has made are read from their cache.

        Raises:
            DataError: if the table cannot be read.
        """
        table = load_outcomes(path)
        return cls(table, encoder.encode_cached(table.prompts), encoder)

    def nearest(self, prompt: str) -> list[dict[str, Any]]:
        """Return the MOST nearest tasks, nearest first, with their cosine and each model's quality."""
        cosines = self.vectors @ self.encoder.encode([prompt])[0]
        order = np.argsort(-cosines, kind="stable")[:MOST]
        return [
            {
                "task_id": self.table.task_ids[i],
                "prompt": self.table.prompts[i][:SHOWN_CHARACTERS],
                "similarity": min(float(cosines[i]), 1.0),  # rounding may add a little
                "quality": {
                    name: float(quality)
                    for name, quality in zip(self.table.models, self.table.quality[i], strict=True)
                    if not np.isnan(quality)
                },
            }
            for i in order
        ]
