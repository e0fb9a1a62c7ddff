"""The evaluation as one HTML page that opens from disk: no network, no build step, nothing of anybody else's."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from pathlib import PurePath
from typing import Any

from router_training.judgement import Judgement
from router_training.judging.comparison import Comparison
from router_training.judging.evaluation_result import Evaluation
from router_training.reporting.payload import payload
from router_training.reporting.story import basis_sentence, not_measured, saving_sentence

SCRIPTS = ("figures.js", "chart.js", "page.js")


def report_page(
    judgement: Judgement, comparison: Comparison | None = None, made: datetime | None = None
) -> str:
    """Return the page as text; all that came from outside is data in it, never markup or script."""
    evaluation = judgement.evaluation
    folder = files("router_training.reporting")
    style = folder.joinpath("page.css").read_text(encoding="utf-8")
    script = "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in SCRIPTS)
    content = {**payload(judgement), **_figures(evaluation), "notMeasured": not_measured(judgement)}
    content["comparison"] = None if comparison is None else comparison.as_dict()
    slots = {
        "policy": f"default-src 'none'; style-src 'sha256-{_digest(style)}'; script-src 'sha256-{_digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'",
        "style": style,
        "script": script,
        "data": json.dumps(content, allow_nan=False, separators=(",", ":"), ensure_ascii=False).replace(
            "<", "\\u003c"
        ),
        "claim": escape(saving_sentence(evaluation)),
        "basis": escape(basis_sentence(evaluation)),
        "part": escape(judgement.part),
        "origin": escape(PurePath(judgement.table.origin).name),
        "made": (made or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC"),
    }
    page = folder.joinpath("page.html").read_text(encoding="utf-8")
    pieces = page.split("{{")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, rest = piece.split("}}", 1)
        filled.append(slots[name] + rest)
    return "".join(filled)


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _figures(evaluation: Evaluation) -> dict[str, Any]:
    """Return the figures that the page shows as they were judged, and where its slider starts."""
    found = evaluation.as_dict()
    equal = evaluation.equal_quality
    start = evaluation.operating.point.dial if equal is None else equal.point.dial
    names = (
        "lift",
        "twin_lift",
        "learned_lift",
        "aiq",
        "constants_aiq",
        "cost_at_best",
        "oracle_lift",
        "published",
        "robustness",
        "calibration",
        "n_boot",
    )
    return {
        "judged": {name: found[name] for name in names},
        "pays": evaluation.pays,
        "best": evaluation.best.name,
        "dial": start,
        "equalDial": None if equal is None else equal.point.dial,
        "defaultDial": evaluation.operating.point.dial,
    }
