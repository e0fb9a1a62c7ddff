"""The form of evaluation.json and comparison.json as JSON Schema, drawn from the dataclasses and their docstrings."""

from __future__ import annotations

import dataclasses
import types
import typing
from inspect import cleandoc
from typing import Any

from router_training.judging.comparison import Comparison
from router_training.judging.evaluation_result import Evaluation

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DOCUMENTS: dict[str, type] = {"evaluation": Evaluation, "comparison": Comparison}
_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": ["number", "null"]},  # null: unknown, or never
    type(None): {"type": "null"},
}


def json_schema(kind: type) -> dict[str, Any]:
    """Return the JSON Schema of what `as_dict` of this dataclass returns; "schema" counts incompatible changes."""
    parts: dict[str, Any] = {}
    found = _of_dataclass(kind, parts)
    found["properties"] = {"schema": {"const": 1}, **found["properties"]}
    found["required"] = ["schema", *found["required"]]
    return {"$schema": DIALECT, "title": kind.__name__, **found, "$defs": parts}


def _of(hint: Any, parts: dict[str, Any]) -> dict[str, Any]:
    if hint in _PLAIN:
        return dict(_PLAIN[hint])
    if dataclasses.is_dataclass(hint):
        name = hint.__name__  # type: ignore[union-attr]  # a class, where a hint names a dataclass
        if name not in parts:
            parts[name] = {}
            parts[name] |= _of_dataclass(typing.cast("type", hint), parts)
        return {"$ref": f"#/$defs/{name}"}
    origin, given = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [_of(one, parts) for one in given]}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of(given[1], parts)}
    if origin is tuple and given[-1] is ...:
        return {"type": "array", "items": _of(given[0], parts)}
    return {"type": "array", "prefixItems": [_of(one, parts) for one in given], "items": False}


def _of_dataclass(kind: type, parts: dict[str, Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    return {
        "description": cleandoc(kind.__doc__ or ""),
        "type": "object",
        "properties": {name: _of(hints[name], parts) for name in names},
        "required": names,
        "additionalProperties": False,
    }
