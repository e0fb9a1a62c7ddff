"""A JSON object that fits a schema and holds the expected values.

Reference: {"schema": ..., "expected": ..., "or": ...?}; `or` is a second record that is right as well.
"""

from __future__ import annotations

import json
import re
from typing import Any

from router_training.answer_text import fenced_blocks, final_part


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the answer holds a JSON object that fits, 0 if not, None for a broken reference.

    Texts are compared without regard to case and a plural s; a number may be written as text where the
    schema allows text.
    """
    try:
        key = json.loads(reference)
        schema, expected = key["schema"], key["expected"]
    except (ValueError, KeyError, TypeError):
        return None
    found = first_object(answer)
    right = [expected, *([key["or"]] if "or" in key else [])]
    return float(
        found is not None and _fits(found, schema) and any(_equal(found, record) for record in right)
    )


def first_object(answer: str) -> dict[str, Any] | None:
    """Return the first JSON object of an answer: in a fence, after "Answer:", or anywhere."""
    decoder = json.JSONDecoder()
    for text in [*fenced_blocks(answer), final_part(answer), answer]:
        for brace in re.finditer(r"\{", text):
            try:
                value, _ = decoder.raw_decode(text, brace.start())
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                return value
    return None


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
    shown = re.search(r"-?\d+(?:\.\d+)?", str(value).replace(",", ""))
    return float(shown.group()) if shown else None


def _text(value: Any) -> str:
    return str(value).strip().casefold().removesuffix("s")
