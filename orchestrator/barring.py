"""Which models may not be asked in this request, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchestrator.limits import Limits
from router_training.capabilities import Requirements, why_not
from router_training.contract import Attempt, Catalogue, UsageError

CONTEXT = "context length"


def unfit(cards: Catalogue, limits: Limits, requirements: Requirements) -> dict[str, str]:
    """Return the models that can never serve this request, each with the reason: not allowed, or not able.

    Raises:
        UsageError: if the limits allow or deny a model that does not exist.
    """
    unknown = [name for name in (*(limits.allow or ()), *limits.deny) if name not in cards]
    if unknown:
        raise UsageError(
            f"allow or deny names {unknown[0]!r}, which is no model here; the models are {', '.join(cards)}"
        )
    reasons = {name: _refused(name, limits) or why_not(card, requirements) for name, card in cards.items()}
    return {name: reason for name, reason in reasons.items() if reason}


def _refused(name: str, limits: Limits) -> str | None:
    if name in limits.deny:
        return "denied by the request"
    if limits.allow is not None and name not in limits.allow:
        return "not among those that the request allows"
    return None


def too_short(cards: Catalogue, attempts: Iterable[Attempt]) -> dict[str, str]:
    """Return the models that declare no longer a context than one for which this very request was too long."""
    declared = {name: card.context_tokens for name, card in cards.items() if card.context_tokens is not None}
    failed = {a.model: declared[a.model] for a in attempts if a.failure == CONTEXT and a.model in declared}
    if not failed:
        return {}
    longest = max(failed, key=lambda name: failed[name])
    reason = (
        f"takes no more than the {failed[longest]:,} tokens of {longest}, for which the request was too long"
    )
    return {name: reason for name in declared.keys() - failed.keys() if declared[name] <= failed[longest]}


def limits_of(state: Mapping[str, Any], dial: float) -> Limits:
    """Return the limits that a request sets; `dial` is that of requests that set none.

    Raises:
        UsageError: if one is outside its range.
    """
    chosen: Any = state.get("dial")  # Limits checks what a caller gave
    return Limits(
        dial if chosen is None else chosen,
        state.get("max_usd"),
        state.get("deadline_s"),
        state.get("max_attempts"),
        state.get("min_quality"),
        _names(state.get("allow")),
        _names(state.get("deny")) or (),
    )


def _names(given: object) -> tuple[str, ...] | None:
    if given is None:
        return None
    is_list = isinstance(given, Sequence | set | frozenset) and not isinstance(given, str)
    return tuple(given) if is_list else given  # type: ignore[arg-type, return-value]
