"""Everything that is written about one judgement, into one folder."""

from __future__ import annotations

import json
from pathlib import Path

from router_training.contract import UsageError
from router_training.judgement import Judgement
from router_training.judging.comparison import Comparison
from router_training.report import draw_curve, draw_reliability
from router_training.reporting.page import report_page
from router_training.reporting.schema import json_schema
from router_training.reporting.summary import summary

PAGE = "report.html"
FIGURES = ("curve.png", "curve.svg", "reliability.png", "reliability.svg")
REPORTS = ("evaluation.json", "evaluation.schema.json", PAGE, "summary.md")


COMPARISON = "comparison.json"


def write_judgement(judgement: Judgement, folder: Path, comparison: Comparison | None = None) -> None:
    """Write evaluation.json and its JSON Schema, report.html, summary.md, and curve and reliability as PNG and SVG; comparison.json, if given.

    Raises:
        UsageError: if the folder cannot be written.
    """
    evaluation = judgement.evaluation
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "evaluation.json").write_text(evaluation.to_json(), encoding="utf-8")
        described = json.dumps(json_schema(type(evaluation)), indent=1)
        (folder / "evaluation.schema.json").write_text(described, encoding="utf-8")
        (folder / PAGE).write_text(report_page(judgement, comparison), encoding="utf-8", errors="replace")
        (folder / "summary.md").write_text(
            summary(evaluation, judgement.part, comparison), encoding="utf-8", errors="replace"
        )
        if comparison is not None:
            told = json.dumps(comparison.as_dict(), indent=1, allow_nan=False, ensure_ascii=False)
            (folder / COMPARISON).write_text(told, encoding="utf-8", errors="replace")
        for suffix in ("png", "svg"):
            draw_curve(evaluation, folder / f"curve.{suffix}")
            draw_reliability(evaluation, folder / f"reliability.{suffix}")
    except OSError as error:
        raise UsageError(f"{folder} cannot be written ({error.strerror}); name another folder") from error
