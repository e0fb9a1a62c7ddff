"""Why a request went where it went, and what would have sent it elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from orchestrator.bounds import within_limits
from orchestrator.gateway.nearest import Labelled
from orchestrator.gateway.routing import Routing
from orchestrator.moves import Ask, Situation
from orchestrator.nodes.router import RouterNode
from router_training.contract import Forecast, RequestRecord

DIALS = [i / 100 for i in range(101)]
STEPS = 20
DEAREST = 1_000.0
DIRECT = "direct"
First = Callable[[Situation], str | None]


def explained(record: RequestRecord, routing: Routing, labelled: Labelled | None) -> dict[str, Any]:
    """Return the forecasts of a request, the labelled tasks most like it, and where its first choice would flip.

    Flips are found by asking the same strategy again at other dials and prices; forecasts stay those of the request.
    """
    decision = record.decision
    about = {
        "trace_id": record.trace_id,
        "strategy": record.strategy,
        "chosen": decision.model,
        "answered_by": record.model,
        "confidence": record.confidence,
        "reason": "the caller named the model" if record.strategy == DIRECT else decision.reason,
        "dial": decision.dial,
        "policy_version": record.policy_version,
        "forecasts": [asdict(one) for one in decision.forecasts],
        "barred": dict(decision.barred),
        "attempts": [_attempt(one) for one in asdict(record)["attempts"]],
        "nearest": [] if labelled is None or not record.prompt else labelled.nearest(record.prompt),
    }
    return {**about, **({"flips": []} if record.strategy == DIRECT else _flips(record, routing))}


def _attempt(attempt: Mapping[str, Any]) -> dict[str, Any]:
    kept = (
        "model",
        "confidence",
        "usd",
        "latency_s",
        "failure",
        "evidence",
        "prompt_tokens",
        "completion_tokens",
    )
    return {key: attempt[key] for key in kept}


def _flips(record: RequestRecord, routing: Routing) -> dict[str, Any]:
    node = routing.decider(record.strategy)
    situation = _situation(record, node)

    def first(other: Situation) -> str | None:
        move = within_limits(node.strategy(other), other)
        return move.models[0] if isinstance(move, Ask) else None

    chosen = first(situation)
    if chosen is None:
        return {"flips": []}
    found = [*_dial_flips(situation, chosen, first), *_price_flips(situation, chosen, first)]
    note = None if chosen == record.decision.model else f"today's router would ask {chosen}"
    return {"flips": found, "today": note}


def _situation(record: RequestRecord, node: RouterNode) -> Situation:
    request = {
        "input": record.prompt or "a prompt that was not kept",
        "task_type": record.task_type,
        "dial": record.decision.dial,
        "latency_s": 0.0,
    }
    known = tuple(one for one in record.decision.forecasts if one.model in node.cards)
    situation = node.situation(request, known, ())
    return replace(situation, barred=dict(record.decision.barred))


def _dial_flips(situation: Situation, chosen: str, first: First) -> list[dict[str, Any]]:
    """Return the nearest dial below and above at which another model comes first."""

    def at(dial: float) -> str | None:
        return first(replace(situation, limits=replace(situation.limits, dial=dial)))

    found = []
    now = situation.limits.dial
    for side, dials in (
        ("below", sorted((d for d in DIALS if d < now), reverse=True)),
        ("above", [d for d in DIALS if d > now]),
    ):
        far = next((dial for dial in dials if at(dial) != chosen), None)
        if far is None:
            continue
        edge = _edge(now, far, lambda dial: at(dial) == chosen)
        other = at(far)
        said = f"would ask {other} first if the dial were {side} {edge:.3f}"
        found.append({"model": other, "what": "dial", "side": side, "value": edge, "said": said})
    return found


def _price_flips(situation: Situation, chosen: str, first: First) -> list[dict[str, Any]]:
    """Return the price below which each other model would come first, and that above which the chosen one no longer does."""

    def at(model: str, factor: float) -> str | None:
        return first(replace(situation, forecasts=_repriced(situation.forecasts, model, factor)))

    found = []
    for forecast in situation.forecasts:
        name, is_chosen = forecast.model, forecast.model == chosen
        far, side = (DEAREST, "above") if is_chosen else (0.0, "below")

        def stays(factor: float, name: str = name, is_chosen: bool = is_chosen) -> bool:
            return (at(name, factor) == name) == is_chosen

        if forecast.usd <= 0.0 or stays(far):
            continue
        usd = _edge(1.0, far, stays) * forecast.usd
        verb, than = ("no longer ask", "more") if is_chosen else ("ask", "less")
        said = f"would {verb} {name} first if its call cost {than} than ${usd:.3g} (now ${forecast.usd:.3g})"
        found.append({"model": name, "what": "usd", "side": side, "value": usd, "said": said})
    return found


def _repriced(forecasts: Sequence[Forecast], model: str, factor: float) -> tuple[Forecast, ...]:
    return tuple(
        replace(one, usd=one.usd * factor, usd_high=None if one.usd_high is None else one.usd_high * factor)
        if one.model == model
        else one
        for one in forecasts
    )


def _edge(near: float, far: float, is_near: Callable[[float], bool]) -> float:
    """Return where `is_near` turns false between `near`, where it holds, and `far`, where it does not."""
    for _ in range(STEPS):
        middle = (near + far) / 2
        near, far = (middle, far) if is_near(middle) else (near, middle)
    return (near + far) / 2
