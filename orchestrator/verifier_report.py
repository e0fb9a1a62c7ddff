"""What each verifier is worth on graded answers: alone, beside the others, and in money and time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator import verifiers
from orchestrator.verifiers.self_consistency import ratio
from router_training.answers.finding import ABSENT, Finding
from router_training.contract import Attempt, DataError, Evidence, FloatArray, Forecast, Task
from router_training.findings import findings
from router_training.joint.answer_grid import agreement
from router_training.learning.estimation import fit_logistic, is_varied, logit
from router_training.learning.selection import area_under_roc, group_folds
from router_training.likelihood import Measured, measure, posterior
from router_training.outcomes import OutcomeTable
from router_training.serving import Opened

AGREEMENT = "agreement"
FEWEST_ANSWERS = 50
STRENGTH = 1.0
INTERVAL = 1.96  # standard errors on either side of 95%


@dataclass(frozen=True, eq=False)
class Looked:
    """n graded answers and what k verifiers said of each: log-odds by which each moved the forecast (0 where silent).

    `spoke`, `usd` and `latency_s` have shape (n, k) as well; `prior` (n,) is the forecast.
    """

    kinds: tuple[str, ...]
    quality: FloatArray
    prior: FloatArray
    moved: FloatArray
    spoke: NDArray[np.bool_]
    usd: FloatArray
    latency_s: FloatArray
    groups: NDArray[np.int64]
    found: tuple[tuple[Finding, ...], ...]


def look(
    opened: Opened, table: OutcomeTable, *, most_tasks: int, seed: int = 0, progress: Any = None
) -> Looked:
    """Have every verifier that needs nobody asked look at the graded answers of at most `most_tasks` tasks.

    Agreement counts the other models' answers to the same prompt that come to the same, and costs what they cost.

    Raises:
        DataError: if fewer than FEWEST_ANSWERS answers have a grade, or all have the same.
    """
    chosen = np.random.default_rng(seed).permutation(len(table))[:most_tasks]
    table = table.take(np.sort(chosen))
    policy, each = opened.policy, verifiers.standard(opened.answer_model)
    forecasts = policy.forecast(table.prompts)
    columns = [table.models.index(name) for name in policy.models if name in table.models]
    rows: list[list[Evidence]] = []
    about: list[tuple[int, float, float]] = []
    found = []
    for i, prompt in enumerate(table.prompts):
        told = [j for j in columns if table.responses[i, j] is not None and np.isfinite(table.quality[i, j])]
        expected = {forecast.model: forecast for forecast in forecasts.row(i)}
        attempts = [_attempt(table, i, j) for j in told]
        together = _agreement(prompt, attempts, expected)
        for j, attempt, agreeing in zip(told, attempts, together, strict=True):
            forecast = expected[attempt.model]
            rows.append([*(_timed(one, Task(prompt), attempt, forecast) for one in each), agreeing])
            about.append((i, float(table.quality[i, j]), forecast.p_success))
            found.append(findings(prompt, attempt.text or ""))
        if progress is not None:
            progress("answers looked at", i + 1, len(table))
    if len(rows) < FEWEST_ANSWERS or not is_varied(np.array([quality for _, quality, _ in about])):
        raise DataError(
            f"{table.origin} holds {len(rows)} graded answers of the router's models; judging verifiers takes at least "
            f"{FEWEST_ANSWERS}, some right and some wrong: fill the columns response and quality"
        )
    return _arrays(table, rows, about, found)


def _attempt(table: OutcomeTable, i: int, j: int) -> Attempt:
    tokens, usd = table.completion_tokens[i, j], table.cost_usd[i, j]
    return Attempt(
        table.models[j],
        str(table.responses[i, j]),
        usd=0.0 if math.isnan(usd) else float(usd),
        completion_tokens=None if math.isnan(tokens) else int(tokens),
    )


def _timed(verifier: verifiers.Verifier, task: Task, attempt: Attempt, forecast: Forecast) -> Evidence:
    start = time.perf_counter()
    found = verifier(task, attempt, forecast)
    took_s = time.perf_counter() - start
    return Evidence(found.kind, found.p_correct, found.reason, found.usd, took_s)


def _agreement(prompt: str, attempts: Sequence[Attempt], expected: dict[str, Forecast]) -> list[Evidence]:
    start = time.perf_counter()
    same, _ = agreement(prompt, [one.text for one in attempts])
    each_s = (time.perf_counter() - start) / max(len(attempts), 1)
    total_usd, n_others, evidence = sum(one.usd for one in attempts), len(attempts) - 1, []
    for j, attempt in enumerate(attempts):
        n_same = int(same[j].sum()) - int(same[j, j])
        p = posterior(expected[attempt.model].p_success, ratio(n_same, n_others)) if n_others else None
        reason = f"{n_same} of {n_others} others say the same"
        evidence.append(Evidence(AGREEMENT, p, reason, total_usd - attempt.usd, each_s))
    return evidence


def _arrays(
    table: OutcomeTable,
    rows: Sequence[Sequence[Evidence]],
    about: Sequence[tuple[int, float, float]],
    found: Sequence[tuple[Finding, ...]],
) -> Looked:
    task, quality, prior = (np.array(column) for column in zip(*about, strict=True))
    said = np.array([[np.nan if one.p_correct is None else one.p_correct for one in row] for row in rows])
    spoke = np.isfinite(said)
    moved = np.where(spoke, logit(np.where(spoke, said, 0.5)) - logit(prior)[:, None], 0.0)
    return Looked(
        kinds=tuple(one.kind for one in rows[0]),
        quality=quality,
        prior=prior,
        moved=moved,
        spoke=spoke,
        usd=np.array([[one.usd for one in row] for row in rows]),
        latency_s=np.array([[one.latency_s for one in row] for row in rows]),
        groups=table.groups[task.astype(np.int64)],
        found=tuple(found),
    )


def report(looked: Looked) -> dict[str, Any]:
    """Return the figures as plain rows.

    `combined` is a logistic regression over the forecast and all verifiers, cross-validated by group of near-duplicate
    prompts. `added` is what a verifier brings over the forecast alone, `missed` what is lost where it alone is left out;
    both as change of AUC and of log loss (nats per answer; positive is better).
    """
    k = len(looked.kinds)
    none, everyone = _combined(looked, []), _combined(looked, range(k))
    rows = []
    for j, kind in enumerate(looked.kinds):
        alone, without = _combined(looked, [j]), _combined(looked, [i for i in range(k) if i != j])
        rows.append(
            {
                "verifier": kind,
                "speaks": float(looked.spoke[:, j].mean()),
                "auc": _finite(area_under_roc(logit(looked.prior) + looked.moved[:, j], looked.quality)),
                "added_auc": alone[0] - none[0],
                "added_log_loss": none[1] - alone[1],
                "missed_auc": everyone[0] - without[0],
                "missed_log_loss": without[1] - everyone[1],
                "usd_per_1000": float(1000.0 * looked.usd[:, j].mean()),
                "ms": float(1000.0 * looked.latency_s[:, j].mean()),
            }
        )
    return {
        "n_answers": len(looked.quality),
        "share_right": float(looked.quality.mean()),
        "forecast": {"auc": none[0], "log_loss": none[1]},
        "combined": {"auc": everyone[0], "log_loss": everyone[1]},
        "verifiers": rows,
        "findings": _ratios(looked),
    }


def _combined(looked: Looked, columns: Sequence[int] | range) -> tuple[float, float]:
    """Return AUC and log loss, out of fold, of the forecast with these verifiers."""
    kept = list(columns)
    X = np.column_stack([logit(looked.prior), looked.moved[:, kept], looked.spoke[:, kept]])
    spread = X.std(axis=0)
    X = (X - X.mean(axis=0)) / np.where(spread > 1e-9, spread, 1.0)
    folds, score = group_folds(looked.groups), np.zeros(len(X))
    for fold in np.unique(folds):
        held = folds == fold
        if is_varied(looked.quality[~held]):
            weights, intercept = fit_logistic(X[~held], looked.quality[~held], STRENGTH)
            score[held] = X[held] @ weights + intercept
    loss = np.mean(np.logaddexp(0.0, score) - looked.quality * score)
    return _finite(area_under_roc(score, looked.quality)), float(loss)


def _finite(value: float) -> float:
    return float(value) if math.isfinite(value) else 0.5


def _ratios(looked: Looked) -> list[dict[str, Any]]:
    """Return the likelihood ratio of each finding, and of each opinion above and below the forecast."""
    shown = [
        [*(one for one in found if one.name != ABSENT), *_opinions(looked, i)]
        for i, found in enumerate(looked.found)
    ]
    measured = measure(shown, looked.prior, looked.quality).measured
    return [{"finding": key, **_interval(one)} for key, one in measured.items()]


def _opinions(looked: Looked, i: int) -> list[Finding]:
    known = {finding.kind for finding in looked.found[i]}
    return [
        Finding(kind, "above the forecast" if looked.moved[i, j] > 0.0 else "below the forecast", "")
        for j, kind in enumerate(looked.kinds)
        if kind not in known and looked.spoke[i, j]
    ]


def _interval(one: Measured) -> dict[str, float]:
    low, high = (one.ratio * math.exp(sign * INTERVAL * one.log_se) for sign in (-1.0, 1.0))
    return {"answers": one.n, "ratio": one.ratio, "low": low, "high": high}


Line = tuple[str, Callable[[dict[str, Any]], str]]
COLUMNS: tuple[Line, ...] = (
    ("verifier", lambda row: row["verifier"]),
    ("speaks", lambda row: f"{row['speaks']:.0%}"),
    ("AUC", lambda row: f"{row['auc']:.3f}"),
    ("+AUC", lambda row: f"{row['added_auc']:+.3f}"),
    ("+nats", lambda row: f"{row['added_log_loss']:+.3f}"),
    ("-AUC", lambda row: f"{-row['missed_auc']:+.3f}"),
    ("-nats", lambda row: f"{-row['missed_log_loss']:+.3f}"),
    ("USD/1k", lambda row: f"{row['usd_per_1000']:.3g}"),
    ("ms", lambda row: f"{row['ms']:.2f}"),
)
FINDING_COLUMNS: tuple[Line, ...] = (
    ("finding", lambda row: row["finding"]),
    ("answers", lambda row: f"{row['answers']:,}"),
    ("likelihood ratio", lambda row: f"{row['ratio']:.2f}"),
    ("95%", lambda row: f"{row['low']:.2f} to {row['high']:.2f}"),
)
