"""What the page computes with: the judged tasks as small arrays, in JSON."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_training.catalogue import usd_per_call
from router_training.contract import FloatArray
from router_training.evaluation import default_dials
from router_training.judgement import Judgement
from router_training.judging.controls import complete_grid
from router_training.outcomes import OutcomeTable

MOST_TASKS = 12_000  # more would make a page of over 5 MB; the figures in words are always of all tasks
MOST_TEXT = 900_000
MOST_EXAMPLES = 1_500
LONGEST_PROMPT, LONGEST_ANSWER = 700, 260
STEPS = 65_534

Tasks = NDArray[np.int64]


def payload(judgement: Judgement, seed: int = 0) -> dict[str, Any]:
    """Return the page's figures; arrays (n, m) row by row, at most MOST_TASKS tasks, drawn evenly."""
    policy, table = judgement.policy, judgement.table
    grid, kept = complete_grid(table, usd_per_call(table, policy.catalogue), policy.models)
    drawn = np.sort(np.random.default_rng(seed).permutation(len(kept))[:MOST_TASKS])
    tasks = kept[drawn]
    columns = [table.models.index(name) for name in policy.models]
    cards = [policy.catalogue[name] for name in policy.models]
    twin = judgement.twin_p
    return {
        "models": list(policy.models),
        "prices": [[card.usd_per_mtok_in, card.usd_per_mtok_out] for card in cards],
        "usdScale": policy.usd_scale,
        "dials": default_dials().tolist(),
        "n": len(tasks),
        "nAll": len(kept),
        "quality": packed(grid.quality[drawn]),
        "usd": packed(grid.usd[drawn]),
        "seconds": packed(grid.latency_s[drawn], 1000.0),
        "read": packed(table.prompt_tokens[tasks][:, columns]),
        "written": packed(table.completion_tokens[tasks][:, columns]),
        "p": packed(judgement.forecasts.p_success[tasks], STEPS),
        "twinP": None if twin is None else packed(twin[tasks], STEPS),
        "readForecast": packed(judgement.read[tasks], 16.0),
        "writtenForecast": packed(judgement.written[tasks], 16.0),
        "types": _labels([grid.task_types[i] for i in drawn]),
        "sources": _labels([grid.sources[i] for i in drawn]),
        "examples": _examples(table, tasks, columns),
    }


def packed(values: FloatArray, scale: float | None = None) -> dict[str, Any]:
    """Return numbers as base64 of the smallest little-endian type that holds them, NaN where they are missing.

    Whole numbers are kept exactly, others as float32, or, given a scale, as whole steps of 1 / scale where those fit into 16
    bits. The highest number of an unsigned type stands for NaN.
    """
    flat = np.ravel(values)
    known = flat[np.isfinite(flat)]
    factor = 1.0
    if scale is not None and known.size and known.max() * scale < STEPS + 1:
        factor = scale
    steps = np.round(flat * factor)
    whole = factor != 1.0 or bool((known == np.round(known)).all())
    for kind in ("u1", "<u2"):
        most = np.iinfo(kind).max
        if whole and (not known.size or (known.min() >= 0.0 and np.nanmax(steps) < most)):
            stored = np.where(np.isfinite(flat), steps, most).astype(kind)
            return {"type": kind[-2:], "scale": factor, "data": _base64(stored.tobytes())}
    return {"type": "f4", "scale": 1.0, "data": _base64(flat.astype("<f4").tobytes())}


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _labels(names: Sequence[str | None]) -> dict[str, Any] | None:
    """Return the names once and which of them each task has; None where no task has one."""
    if not any(names):
        return None
    known = list(dict.fromkeys(name or "(none)" for name in names))
    place = {name: i for i, name in enumerate(known)}
    return {
        "names": known,
        "of": packed(np.array([place[name or "(none)"] for name in names], dtype=np.float64)),
    }


def _examples(table: OutcomeTable, tasks: Tasks, columns: Sequence[int]) -> dict[str, Any]:
    """Return prompts and answers of as many tasks as MOST_TEXT and MOST_EXAMPLES allow, spread evenly over all."""
    responses = table.responses[:, columns]
    order = np.random.default_rng(1).permutation(len(tasks))[:MOST_EXAMPLES]
    rows, left = [], MOST_TEXT
    for i in order.tolist():
        prompt = _cut(table.prompts[tasks[i]], LONGEST_PROMPT)
        answers = [None if text is None else _cut(text, LONGEST_ANSWER) for text in responses[tasks[i]]]
        left -= len(prompt.encode("utf-8", "replace")) + sum(
            len(text.encode("utf-8", "replace")) for text in answers if text
        )
        if left < 0:
            break
        rows.append((i, str(table.task_ids[tasks[i]]), prompt, answers))
    rows.sort()
    at, ids, prompts, said = (list(part) for part in zip(*rows, strict=True)) if rows else ([], [], [], [])
    with_answers = any(text for answers in said for text in answers)
    return {"at": at, "ids": ids, "prompts": prompts, "answers": said if with_answers else None}


def _cut(text: str, most: int) -> str:
    clean = text.encode("utf-8", "replace").decode("utf-8")
    return clean if len(clean) <= most else f"{clean[: most - 1].rstrip()}…"
