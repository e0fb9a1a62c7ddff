"""A table streamed through the graph in time order, with routers that retrain on what they heard, and those that do not."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from orchestrator import replay
from orchestrator.demotion import Demotion
from orchestrator.graph import build_graph
from orchestrator.models import recorded_models
from orchestrator.verifiers import standard
from router_training.answer_model import fit_on_answers
from router_training.calibration import expected_calibration_error
from router_training.catalogue import usd_per_call
from router_training.contract import Outcome
from router_training.learning.selection import Candidate
from router_training.outcomes import OutcomeTable
from router_training.policy import fit_policy
from router_training.records.feedback_rows import outcomes_of
from router_training.verifier_noise import corrected

DIAL = 0.8
EXPLORE = 0.05
EVERY = 230
CANDIDATES = (Candidate("logistic", {"C": 0.1}), Candidate("logistic", {"C": 0.3}))


@dataclass(frozen=True)
class World:
    """Gold to begin with, a little more to know the verifier by, and the stream; `usd` (n, m) and quality are its truth."""

    seed: OutcomeTable
    known: OutcomeTable
    stream: OutcomeTable
    catalogue: dict
    encoder: object

    @property
    def usd(self):
        return usd_per_call(self.stream, self.catalogue)


@dataclass(frozen=True)
class Course:
    """What came of the stream, request by request: shape (n,) each; `noticed` is when the constant took over, or else when forecasts
    were seen to be off, if ever."""

    name: str
    quality: np.ndarray
    usd: np.ndarray
    noticed: int | None = None


def world(table, catalogue, encoder, n_seed=150, n_known=100, seed=0):
    order = np.random.default_rng(seed).permutation(len(table))
    parts = (order[:n_seed], order[n_seed : n_seed + n_known], order[n_seed + n_known :])
    return World(*(table.take(part) for part in parts), catalogue, encoder)


def broken_half_way(one: World, model: str, like: str) -> World:
    """Return the world in which `model` answers as `like` does from the middle of the stream on, at its own price."""
    ids = set(one.stream.task_ids[len(one.stream) // 2 :])
    rows = {(row.task_id, row.model): row for row in _rows(one.stream)}
    changed = [
        replace(rows[task, like], model=model, cost_usd=row.cost_usd, prompt_tokens=row.prompt_tokens)
        if name == model and task in ids
        else row
        for (task, name), row in rows.items()
    ]
    table = OutcomeTable.from_outcomes(changed)
    place = {task: i for i, task in enumerate(table.task_ids)}
    return replace(one, stream=table.take([place[task] for task in one.stream.task_ids]))


def _rows(table):
    frame = table.frame.astype(object).where(table.frame.notna(), None)
    return [Outcome(**row) for row in frame.to_dict("records")]


def fitted(one: World, rows=()):
    """Return a router from the seed and these labelled answers; gold stays where both know one."""
    table = one.seed.concat(OutcomeTable.from_outcomes(rows)) if rows else one.seed
    return fit_policy(table, catalogue=one.catalogue, encoder=one.encoder, candidates=CANDIDATES)


def first_policy(one: World):
    policy = fitted(one)
    return policy, fit_on_answers(one.seed, policy)[0]


def verifier_seen(one: World, policy, answer_model):
    """Return the verifier's word on the known answers, with forecasts of them, and their gold."""
    recordings = replay.record(policy, answer_model, one.known)
    heard, p, gold = [], [], []
    for i, task in enumerate(recordings.tasks):
        for forecast in recordings.forecasts[i]:
            attempt = recordings.attempts[i][forecast.model]
            row = Outcome(
                f"known {i}", task.prompt, forecast.model, attempt.confidence, label_source="verifier"
            )
            heard.append(row)
            p.append(forecast.p_success)
            j = policy.models.index(forecast.model)
            gold.append(replace(row, quality=float(recordings.quality[i, j]), label_source="gold"))
    return heard, p, gold


def demotion_of(policy):
    """Return what lets the best constant of the held-out tasks serve."""
    constants = [point for point in policy.operating_points if point.model is not None]
    best = max(constants, key=lambda one: DIAL * one.quality - (1 - DIAL) * one.usd / policy.usd_scale)
    return Demotion(best.model, policy.usd_scale)


def run(one: World, name: str, *, labels=None, demote=False, start=None):
    """Stream all requests; `labels(heard, forecasts, records)` says what is learnt from, None never retrains."""
    policy, answer_model = first_policy(one) if start is None else start
    table, records, quality, usd, noticed = one.stream, [], [], [], None
    demotion = demotion_of(policy) if demote else None

    def build():
        def feedback(record):
            records.append(record)
            if demotion is not None:
                demotion(record)

        return build_graph(
            policy,
            strategy="cost_based",
            models=recorded_models(table),
            verifier=standard(answer_model),
            feedback=feedback,
            explore=EXPLORE,
            demotion=demotion,
            dial=DIAL,
        )

    graph, truth = build(), one.usd
    for i, prompt in enumerate(table.prompts):
        if labels is not None and i and i % EVERY == 0:
            policy = fitted(one, learnt(records, labels))
            graph = build()
        state = graph.invoke({"input": prompt}, {"configurable": {"trace_id": f"{i}"}})
        j = table.models.index(state["model"])
        quality.append(table.quality[i, j])
        usd.append(truth[i, j])
        if demotion is not None and demotion.is_on and noticed is None:
            noticed = i
    if noticed is None:
        noticed = drifted_at(records, len(table) // 2)
    return Course(name, np.array(quality), np.array(usd), noticed)


def drifted_at(records, since, window=100, every=10, threshold=0.15):
    """Return the first request from `since` on at which the calibration error of the last answers passes its threshold."""
    told = []
    for i, record in enumerate(records):
        forecast = {one.model: one.p_success for one in record.decision.forecasts}
        first = record.attempts[0]
        told.append((forecast[first.model], first.confidence))
        if i >= since and i % every == 0:
            p, said = np.array(told[-window:], dtype=np.float64).T
            if expected_calibration_error(p, said) > threshold:
                return i
    return None


def learnt(records, labels):
    """Return the rows to learn from: of each request the answer of the first choice."""
    heard, p = [], []
    for record in records:
        known = {forecast.model: forecast.p_success for forecast in record.decision.forecasts}
        for row in outcomes_of(record):
            if row.propensity is not None and row.quality is not None:
                heard.append(replace(row, task_id=f"heard {record.trace_id}"))
                p.append(known[row.model])
    return labels(heard, p) if heard else []


def as_heard(heard, p):
    """Take the verifier at its word."""
    return heard


def with_correction(seen):
    """Return labels corrected for what is known of the verifier."""
    known, known_p, gold = seen

    def labels(heard, p):
        better, _, enough = corrected([*known, *heard], gold, np.array([*known_p, *p]))
        assert enough
        return better[len(known) :]

    return labels


def with_gold(seen, stream, share=0.02):
    """Return corrected labels of which this share, chosen by chance, is what a person says; it corrects the others, too."""
    known, known_p, gold = seen
    truth = {(row.prompt, row.model): row.quality for row in _rows(stream)}

    def labels(heard, p):
        graded = np.random.default_rng(0).random(len(heard)) < share
        said = [
            replace(row, quality=truth[row.prompt, row.model], label_source="human")
            for row, one in zip(heard, graded, strict=True)
            if one
        ]
        rows = with_correction((known, known_p, [*gold, *said]))(heard, p)
        better = {row.task_id: row for row in said}
        return [better.get(row.task_id, row) for row in rows]

    return labels


def oracle(one: World):
    """Return the course of who knows every outcome: the answer of highest worth."""
    policy_scale = float(np.nanmean(one.usd, axis=0).max())
    worth = DIAL * one.stream.quality - (1 - DIAL) * one.usd / policy_scale
    best = worth.argmax(axis=1)
    rows = np.arange(len(best))
    return Course("oracle", one.stream.quality[rows, best], one.usd[rows, best])
