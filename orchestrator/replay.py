"""Strategies on recorded answers, without a graph: the same moves, attempts, evidence and sums as the graph makes.

What the router and the verifiers themselves take is not in the seconds: they are those of the recorded calls. Nor does a
replay learn latencies from the calls before: every task is the first one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from orchestrator import plain, strategies, verifiers
from orchestrator.bounds import within_limits
from orchestrator.models import recorded_models, said
from orchestrator.moves import Accept, Ask, Check, Situation
from orchestrator.nodes.fallback import last_resort
from orchestrator.nodes.model import ModelNode
from orchestrator.nodes.race import Race
from orchestrator.nodes.router import RouterNode
from orchestrator.roles import TypeRoutes
from router_training.answer_model import AnswerModel
from router_training.catalogue import usd_per_call
from router_training.contract import Attempt, DataError, FloatArray, Forecast, Task, UsageError
from router_training.joint_model import JointModel
from router_training.judging.controls import complete_grid
from router_training.outcomes import OutcomeTable
from router_training.policy import Policy

Progress = Callable[[str, int, int], None]
SHOWN = (Exception,)
"""A verifier that raises costs no caller an answer, but figures without it would be wrong."""


@dataclass(frozen=True, eq=False)
class Recordings:
    """n tasks with forecasts and verified attempts of every model; `quality` (n, m) is the recorded grade.

    `n_left_out` counts tasks on which some model has no answer, grade or cost: a comparison needs them all.
    """

    policy: Policy
    tasks: tuple[Task, ...]
    forecasts: tuple[tuple[Forecast, ...], ...]
    attempts: tuple[Mapping[str, Attempt], ...]
    quality: FloatArray
    n_left_out: int = 0
    joint: JointModel | None = None

    def __len__(self) -> int:
        return len(self.tasks)


@dataclass(frozen=True, eq=False)
class Replayed:
    """What a strategy came to on n tasks: per task USD, quality, seconds and calls, shape (n,)."""

    name: str
    usd: FloatArray
    quality: FloatArray
    latency_s: FloatArray
    calls: FloatArray


@dataclass(frozen=True, eq=False)
class _Known:
    """An answer model that has judged all recorded answers in one go; `p_correct` is by model and answer."""

    p_correct: Mapping[tuple[str, str, str], float]

    def confidence(
        self, prompts: Sequence[str], answers: Sequence[str], _prior: Any, models: Sequence[str], _tokens: Any
    ) -> FloatArray:
        """Return what is known of these answers, shape (n,)."""
        return np.array([self.p_correct[key] for key in zip(prompts, answers, models, strict=True)])


def record(
    policy: Policy,
    answer_model: AnswerModel | None,
    table: OutcomeTable,
    progress: Progress | None = None,
    *,
    joint: JointModel | None = None,
) -> Recordings:
    """Make the attempts that recorded models would make on every task of `table`, and verify them.

    Raises:
        DataError: if no task has an answer, a grade and a cost of every model.
        UsageError: if the table holds no response.
    """
    n, clients = len(table), recorded_models(table)
    table = _answered(table, policy)
    known = policy.forecast(table.prompts)
    nodes = {name: ModelNode(policy.catalogue[name], clients[name]) for name in policy.models}
    forecasts = tuple(known.row(i) for i in range(len(table)))
    drafts: list[dict[str, Attempt]] = []
    for i, prompt in enumerate(table.prompts):
        call = {"input": prompt, "move": {"check": True}}
        drafts.append({name: plain.attempt(node.invoke(call)["drafts"][0]) for name, node in nodes.items()})
        if progress is not None:
            progress("recorded answers", i + 1, len(table))
    evidence = verifiers.standard(_judged(answer_model, table.prompts, drafts, forecasts))
    tasks = tuple(Task(prompt) for prompt in table.prompts)  # a type that the table knows would be a hint
    attempts = []
    for i, task in enumerate(tasks):
        expected = {forecast.model: forecast for forecast in forecasts[i]}
        attempts.append(
            {
                name: one
                if one.text is None
                else verifiers.verified(evidence, task, one, expected[name], passed=SHOWN)
                for name, one in drafts[i].items()
            }
        )
        if progress is not None:
            progress("verified answers", i + 1, len(tasks))
    columns = [table.models.index(name) for name in policy.models]
    quality = table.quality[:, columns]
    return Recordings(policy, tasks, forecasts, tuple(attempts), quality, n - len(table), joint)


def _answered(table: OutcomeTable, policy: Policy) -> OutcomeTable:
    """Return the tasks on which every model of the policy has an answer, a grade and a cost."""
    _, kept = complete_grid(table, usd_per_call(table, policy.catalogue), policy.models)
    columns = [table.models.index(name) for name in policy.models]
    told = [i for i in kept if all(said(table, i, j) is not None for j in columns)]
    if not told:
        raise DataError(
            f"{table.origin} has no task that every model of the router answered; replaying needs the column response"
        )
    return table.take(told)


def _judged(
    answer_model: AnswerModel | None,
    prompts: Sequence[str],
    drafts: Sequence[Mapping[str, Attempt]],
    forecasts: Sequence[Sequence[Forecast]],
) -> _Known | None:
    if answer_model is None:
        return None
    rows = [
        (prompt, draft[forecast.model].text or "", forecast, draft[forecast.model].completion_tokens)
        for prompt, draft, expected in zip(prompts, drafts, forecasts, strict=True)
        for forecast in expected
    ]
    asked, answers, expected, tokens = zip(*rows, strict=True)
    models = [forecast.model for forecast in expected]
    p = answer_model.confidence(asked, answers, [f.p_success for f in expected], models, tokens)
    return _Known(dict(zip(zip(asked, answers, models, strict=True), p.tolist(), strict=True)))


def replay(
    recordings: Recordings,
    strategy: str,
    *,
    dial: float = 0.8,
    deadline_s: float | None = None,
    progress: Progress | None = None,
) -> Replayed:
    """Have a strategy answer every recorded task.

    Raises:
        UsageError: if the strategy makes a move that was not recorded: a check or a synthesis.
    """
    policy = recordings.policy
    routes = TypeRoutes(policy.catalogue, policy.best_of_type)
    router = RouterNode(
        lambda task: (),
        strategies.load(strategy),
        dial,
        policy.catalogue,
        routes,
        policy.usd_scale,
        joint=recordings.joint,
    )
    rows = np.zeros((len(recordings), 4))
    for i in range(len(recordings)):
        try:
            situation, accepted = answer(router, recordings, i, {"deadline_s": deadline_s})
        except UsageError as error:
            raise UsageError(f"strategy {strategy}: {error}") from error
        quality = 0.0
        if accepted is not None:
            quality = float(recordings.quality[i, policy.models.index(accepted.model)])
        made = situation.attempts
        usd = sum(one.usd + sum(evidence.usd for evidence in one.evidence) for one in made)
        rows[i] = usd, quality, situation.elapsed_s, len(made)
        if progress is not None:
            progress(strategy, i + 1, len(recordings))
    return Replayed(strategy, *rows.T)


def answer(
    router: RouterNode, recordings: Recordings, i: int, request: Mapping[str, Any]
) -> tuple[Situation, Attempt | None]:
    """Return the last situation of a request for task i, and the accepted attempt, None where nothing answered."""
    task, comparing = recordings.tasks[i], verifiers.comparing((), recordings.joint)
    state = {"input": task.prompt, **request, "latency_s": 0.0}
    situation = router.situation(state, recordings.forecasts[i], ())
    while True:
        move = within_limits(router.strategy(situation), situation)
        if not isinstance(move, Ask | Check | Accept):
            move = last_resort(situation)
        if isinstance(move, Accept):
            return situation, move.attempt
        if not isinstance(move, Ask | Check):
            return situation, None
        if isinstance(move, Check) or move.sources:
            raise UsageError(
                "it has a model check or merge answers, and recordings hold none of that; replay a form that does "
                "without, such as self_verification(by_answering=True) or ensemble(merge='vote')"
            )
        made = _made(move, recordings.attempts[i], recordings.forecasts[i])
        waited_s = max(attempt.delay_s + attempt.latency_s for attempt in made)
        situation = replace(
            situation,
            attempts=tuple(
                verifiers.weighed(
                    comparing, task, (*situation.attempts, *made), recordings.forecasts[i], SHOWN
                )
            ),
            elapsed_s=situation.elapsed_s + waited_s,
        )


def _made(move: Ask, recorded: Mapping[str, Attempt], forecasts: Sequence[Forecast]) -> list[Attempt]:
    if not move.hedge:
        return [recorded[model] for model in move.models]
    usd = {forecast.model: forecast.usd for forecast in forecasts}
    race, first = Race(move.models[0], move.hedge, move.after_s, usd), move.models[0]
    late = race.needs_hedge({first: recorded[first]})
    runners = (first, *move.hedge) if late else (first,)
    return race.result({name: recorded[name] for name in runners}, runners)
