"""A JSON value that fits a schema and holds the expected values.

Reference: {"schema": ..., "expected": ..., "or": ...?}; `or` is a second record that is right as well. It cannot judge several
objects: the first counts (in a fence, after "Answer:", or anywhere). Nor paraphrase; and lists are compared without order.
"""

from __future__ import annotations

import json
import re
from typing import Any

from router_training.answer_text import fenced_blocks, final_part


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the answer holds a JSON value that fits, 0 if not, None for a broken reference.

    Texts are compared without regard to case and a plural s; a number may be written as text where the
    schema allows text.
    """
    try:
        key = json.loads(reference)
        schema, expected = key["schema"], key["expected"]
    except (ValueError, KeyError, TypeError):
        return None
    if not _is_schema(schema):
        return None
    found = first_value(answer, "[" if isinstance(expected, list) else "{")
    right = [expected, *([key["or"]] if "or" in key else [])]
    return float(
        found is not None and _fits(found, schema) and any(_equal(found, record) for record in right)
    )


def first_value(answer: str, opening: str = "{") -> Any:
    """Return the first JSON object ("{") or list ("[") of an answer: in a fence, after "Answer:", or anywhere; else None."""
    decoder = json.JSONDecoder()
    for text in [*fenced_blocks(answer), final_part(answer), answer]:
        for brace in re.finditer(re.escape(opening), text):
            try:
                value, _ = decoder.raw_decode(text, brace.start())
            except (ValueError, RecursionError):
                continue
            return value
    return None


def _is_schema(schema: Any) -> bool:
    from jsonschema import SchemaError, validators  # spares jsonschema where no schema is read

    if not isinstance(schema, dict):
        return False
    try:
        validators.validator_for(schema).check_schema(schema)
    except SchemaError:
        return False
    return True


def _fits(value: Any, schema: dict[str, Any]) -> bool:
    from jsonschema import ValidationError, validate

    try:
        validate(value, schema)
    except ValidationError:
        return False
    return True


def _equal(found: Any, expected: Any) -> bool:
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return False
        mine = {_text(name): value for name, value in found.items()}
        theirs = {_text(name): value for name, value in expected.items()}
        return mine.keys() == theirs.keys() and all(_equal(mine[name], theirs[name]) for name in theirs)
    if isinstance(expected, list):
        return isinstance(found, list) and sorted(map(_text, found)) == sorted(map(_text, expected))
    if isinstance(expected, bool) or isinstance(found, bool):
        return found is expected
    if isinstance(expected, int | float):
        return _number(found) == float(expected)
    return _text(found) == _text(expected)


def _number(value: Any) -> float | None:
    """Return a number, also one written as text with a currency sign or a unit; None for any other text."""
    shown = re.fullmatch(
        r"[^\w.-]*(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)[^\d]*", str(value).replace(",", "").strip()
    )
    return float(shown.group(1)) if shown else None


def _text(value: Any) -> str:
    return str(value).strip().casefold().removesuffix("s")
