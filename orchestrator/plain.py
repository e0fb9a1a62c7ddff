"""Records of the contract as plain dicts and lists, and back: checkpointers and JSON keep those as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from router_training.contract import Attempt, Decision, Evidence, Forecast, RequestRecord, ToolCall


def plain(record: Any) -> Any:
    """Return a frozen record as a dict of its fields, and tuples as lists, all the way down."""
    if isinstance(record, tuple | list):
        return [plain(item) for item in record]
    if is_dataclass(record) and not isinstance(record, type):
        return {name: plain(getattr(record, name)) for name in _names(type(record))}
    return record


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def attempt(kept: Mapping[str, Any]) -> Attempt:
    """Rebuild an attempt from its plain form."""
    evidence = tuple(Evidence(**one) for one in kept["evidence"])
    tool_calls = tuple(ToolCall(**one) for one in kept.get("tool_calls", ()))
    sources = tuple(kept.get("sources", ()))
    return Attempt(**{**kept, "evidence": evidence, "tool_calls": tool_calls, "sources": sources})


def decision(kept: Mapping[str, Any]) -> Decision:
    """Rebuild a decision from its plain form."""
    return Decision(**{**kept, "forecasts": tuple(Forecast(**one) for one in kept["forecasts"])})


def request(kept: Mapping[str, Any]) -> RequestRecord:
    """Rebuild a finished request from its plain form."""
    attempts = tuple(attempt(one) for one in kept["attempts"])
    return RequestRecord(**{**kept, "decision": decision(kept["decision"]), "attempts": attempts})
