"""Checks of the labels themselves: what a table says, without learning anything from it."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandas as pd

from router_training.catalogue import usd_per_call
from router_training.contract import Catalogue, FloatArray
from router_training.inspection.finding import Finding, fine, know, mend
from router_training.judging.curves import TOLERANCE
from router_training.outcomes import OutcomeTable

SHOWN = 3
COST_APART = 0.05  # relative
LIKELY_ERROR = re.compile(
    r"^\W*(?:(?:\w*error|\w*exception|traceback)\b|(?:http[ /]?|status |error )[45]\d\d\b|rate.?limit|too many requests|"
    r"(?:request )?timed? ?out\b|connection (?:refused|reset|error)|(?:[45]\d\d )?(?:service unavailable|internal server error|"
    r"bad gateway|not found|unauthorized)|context.?length|(?:null|nan)\W*$)",
    re.IGNORECASE,
)
LONGEST_ERROR = 300

Check = Callable[[OutcomeTable, Catalogue], Finding]


def missing_cells(table: OutcomeTable, _catalogue: Catalogue) -> Finding:
    """Count the cells of the grid of tasks and models without a grade, by model."""
    missing = np.isnan(table.quality)
    if not missing.any():
        return fine("missing cells", f"every model has a grade on all {len(table):,} tasks")
    shares = missing.mean(axis=0)
    worst = int(shares.argmax())
    complete = int((~missing).all(axis=1).sum())
    said = (
        f"{missing.mean():.1%} of all cells have no grade, most of {table.models[worst]} ({shares[worst]:.0%}); "
        f"{complete:,} of {len(table):,} tasks have all"
    )
    if complete < 0.5 * len(table):
        return mend(
            "missing cells", f"{said}: a comparison takes only those; let the models answer more tasks"
        )
    return know("missing cells", said)


def errors_as_wrong(table: OutcomeTable, _catalogue: Catalogue) -> Finding:
    """Look for calls that failed and were graded 0: an error is not a wrong answer."""
    frame = table.frame
    told = frame.groupby("model")["response"].transform(lambda said: said.notna().mean() > 0.5).astype(bool)
    zero = frame["quality"].to_numpy(dtype=np.float64) == 0.0
    reasons = {
        "with an error on record": frame["error"].notna(),
        "with an empty answer": told & (frame["response"].fillna("").str.strip() == ""),
        "whose answer reads like an error message": frame["response"].str.len().le(LONGEST_ERROR)
        & frame["response"].str.contains(LIKELY_ERROR.pattern, regex=True, flags=re.IGNORECASE),
        "without a token written": frame["completion_tokens"] == 0,
    }
    if frame["response"].isna().all() and frame["error"].isna().all():
        return know("errors counted as 0", "not to be seen: the table holds neither answers nor errors")
    flagged = {name: zero & found.fillna(False).to_numpy(dtype=bool) for name, found in reasons.items()}
    rows = np.logical_or.reduce(list(flagged.values()))
    if not rows.any():
        return fine("errors counted as 0", "no failed call seems to be graded 0")
    named = ", ".join(f"{found.sum():,} {name}" for name, found in flagged.items() if found.any())
    return mend(
        "errors counted as 0",
        f"{rows.sum():,} answers graded 0 may be failed calls ({named}; {_some(frame, rows)}): blank their quality",
    )


def ties(table: OutcomeTable, _catalogue: Catalogue) -> Finding:
    """Count tasks on which all models do equally well: only their cost can be routed."""
    known = (~np.isnan(table.quality)).sum(axis=1) > 1
    if not known.any():
        return mend("ties", "no task has the grades of two models; let them answer the same tasks")
    quality = table.quality[known]
    best, worst = np.nanmax(quality, axis=1), np.nanmin(quality, axis=1)
    tied, all_one, all_zero = (
        float(found.mean())
        for found in (best - worst <= TOLERANCE, worst >= 1.0 - TOLERANCE, best <= TOLERANCE)
    )
    said = (
        f"on {tied:.0%} of the tasks all models do alike ({all_one:.0%} all right, {all_zero:.0%} all wrong); "
        f"the other {1.0 - tied:.0%} can show who is better"
    )
    if all_zero > 0.4:
        return mend("ties", f"{said}: look at the grader, or at the tasks, where nobody is right")
    return know("ties", said) if tied > 0.5 else fine("ties", said)


def grader_noise(table: OutcomeTable, _catalogue: Catalogue) -> Finding:
    """Estimate from prompts that were asked more than once how much of quality is chance, in models and grader.

    Where a model answers the same prompt k times, the variance within repeats is what no router can foresee. Its share of
    the whole variance of quality is one minus the intraclass correlation (Shrout and Fleiss, "Intraclass correlations:
    uses in assessing rater reliability", 1979).
    """
    frame = table.frame.loc[table.frame["quality"].notna(), ["prompt", "model", "quality"]]
    text = frame["prompt"].str.casefold().str.split().str.join(" ")
    groups = frame.assign(prompt=text).groupby(["prompt", "model"])["quality"]
    sizes = groups.transform("size")
    repeated = frame[sizes > 1]
    if len(repeated) < 20:
        return know(
            "grader noise",
            "unknown: no prompt is repeated; have some tasks answered and graded twice, under ids of their own",
        )
    spread = groups.var(ddof=1).dropna()
    within, whole = float(spread.mean()), float(frame["quality"].var(ddof=1))
    share = min(1.0, within / whole) if whole > 0.0 else 0.0
    said = (
        f"{len(repeated):,} answers to repeated prompts: {share:.0%} of the variance of quality is chance, "
        "which no router can foresee"
    )
    return mend("grader noise", f"{said}; look at the grader") if share > 0.5 else know("grader noise", said)


def prices(table: OutcomeTable, catalogue: Catalogue) -> Finding:
    """Hold recorded costs against tokens times prices, and look for answers that cost nothing."""
    usd = usd_per_call(table, catalogue)
    if np.isnan(usd).all():
        return mend("prices", "no answer has a cost: fill cost_usd, or count tokens and give a models file")
    said = []
    for j, name in enumerate(table.models):
        said += [f"{name}: {oddity}" for oddity in _oddities(table, usd, catalogue, j)]
    means = np.array([np.nanmean(column) if np.isfinite(column).any() else np.nan for column in usd.T])
    if np.isfinite(means).any() and np.nanmax(means) < 1.5 * np.nanmin(means):
        said.append("all models cost about the same, so there is no money to save")
    if said:
        return mend("prices", "; ".join(said[:6]))
    least, most = int(np.nanargmin(means)), int(np.nanargmax(means))
    ratio = f"{means[most] / means[least]:.3g} times" if means[least] > 0.0 else "more than"
    return fine("prices", f"{table.models[most]} costs {ratio} what {table.models[least]} does, per task")


def _oddities(table: OutcomeTable, usd: FloatArray, catalogue: Catalogue, j: int) -> list[str]:
    name, recorded = table.models[j], table.cost_usd[:, j]
    known = np.isfinite(usd[:, j])
    found = []
    if not known.any():
        return ["has no cost"]
    free = known & (usd[:, j] == 0.0)
    if free.any() and not free[known].all():
        found.append(f"{free.sum():,} answers cost nothing")
    card = catalogue.get(name)
    if card is None:
        return found
    listed = (
        card.usd_per_mtok_in * table.prompt_tokens[:, j]
        + card.usd_per_mtok_out * table.completion_tokens[:, j]
    )
    both = np.isfinite(recorded) & np.isfinite(listed) & (listed > 0.0)
    apart = both & (np.abs(recorded - listed / 1e6) > COST_APART * listed / 1e6)
    if both.any() and apart[both].mean() > 0.05:
        ratio = float(np.median(recorded[apart] / (listed[apart] / 1e6)))
        found.append(
            f"{apart[both].mean():.0%} of its costs are not tokens times price (median {ratio:.2g} times that)"
        )
    return found


def label_sources(table: OutcomeTable, _catalogue: Catalogue) -> Finding:
    """Say who graded: what a judge or verifier thinks is no gold."""
    counts = table.frame.loc[table.frame["quality"].notna(), "label_source"].value_counts()
    named = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    weak = int(counts.get("judge", 0) + counts.get("verifier", 0))
    if weak > 0.5 * counts.sum():
        return know("who graded", f"{named}: a model's opinion is no gold; have a sample graded by people")
    return fine("who graded", named)


LABEL_CHECKS: tuple[Check, ...] = (missing_cells, errors_as_wrong, ties, grader_noise, prices, label_sources)


def _some(frame: pd.DataFrame, rows: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str:
    some = frame.loc[rows, ["task_id", "model"]].head(SHOWN)
    return "such as " + ", ".join(f"{task} by {model}" for task, model in some.itertuples(index=False))
