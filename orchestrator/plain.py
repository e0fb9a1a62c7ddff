"""Records of the contract as plain dicts and lists, and back: checkpointers and JSON keep those as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from operator import attrgetter
from types import UnionType
from typing import Any, get_args, get_type_hints

from router_training.contract import Attempt, Decision, Evidence, Forecast, RequestRecord, ToolCall

LEAVES = frozenset({str, float, int, bool, type(None)})


def plain(record: Any) -> Any:
    """Return a frozen record as a dict of its fields, and tuples as lists, all the way down."""
    if isinstance(record, tuple | list):
        return [plain(item) for item in record]
    names, parts_of, nested = _parts(type(record))  # type: ignore[arg-type]  # mypy takes type[Any] for unhashable
    if not names:
        return record
    kept = dict(zip(names, parts_of(record), strict=True))
    for name in nested:
        kept[name] = plain(kept[name])
    return kept


def fields_of(record: Any) -> dict[str, Any]:
    """Return a frozen record as a dict of its fields, for an encoder of JSON that goes on from there.

    Raises:
        TypeError: if it is no record.
    """
    names, parts_of, _ = _parts(type(record))  # type: ignore[arg-type]  # as above
    if not names:
        raise TypeError(f"{type(record).__name__} is no record")
    return dict(zip(names, parts_of(record), strict=True))


@cache
def _parts(kind: type[Any]) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]], tuple[str, ...]]:
    """Return the fields of a dataclass, what reads them all at once, and which may hold records or lists; else none."""
    if not is_dataclass(kind):
        return (), tuple, ()
    names, hints = tuple(field.name for field in fields(kind)), get_type_hints(kind)
    return names, attrgetter(*names), tuple(name for name in names if not _is_leaf(hints[name]))


def _is_leaf(hint: Any) -> bool:
    """Tell whether what a field is annotated with is plain already, such as `float | None`."""
    return LEAVES.issuperset(get_args(hint) if isinstance(hint, UnionType) else (hint,))


def attempt(kept: Mapping[str, Any]) -> Attempt:
    """Rebuild an attempt from its plain form."""
    evidence = tuple(Evidence(**one) for one in kept["evidence"])
    tool_calls = tuple(ToolCall(**one) for one in kept.get("tool_calls", ()))
    sources = tuple(kept.get("sources", ()))
    return Attempt(**{**kept, "evidence": evidence, "tool_calls": tool_calls, "sources": sources})


def decision(kept: Mapping[str, Any]) -> Decision:
    """Rebuild a decision from its plain form."""
    return Decision(**{**kept, "forecasts": forecasts(kept)})


def forecasts(kept: Mapping[str, Any]) -> tuple[Forecast, ...]:
    """Rebuild the forecasts of a decision in its plain form."""
    return tuple(Forecast(**one) for one in kept["forecasts"])


def request(kept: Mapping[str, Any]) -> RequestRecord:
    """Rebuild a finished request from its plain form."""
    attempts = tuple(attempt(one) for one in kept["attempts"])
    return RequestRecord(**{**kept, "decision": decision(kept["decision"]), "attempts": attempts})
