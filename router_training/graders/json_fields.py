"""Fields of a JSON object or list, each worth the same. Reference: {"fields": {"name": ..., "address.city": ..., "items.0": ...}}.

Further fields in the answer do not matter. It cannot judge paraphrase: texts are equal but for case and outer marks.
"""

from __future__ import annotations

import json
import re
from typing import Any

from router_training.answer_text import normalise
from router_training.graders.json_schema import first_value

_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,300})(?:\.\d+)?(?:e[-+]?\d{1,3})?", re.IGNORECASE)


def grade(answer: str, reference: str) -> float | None:
    """Return the share of the reference's fields that the answer's JSON has right, None for a broken reference.

    0 and "0" are one value; true, "true" and 1 are three. A field that must be null may be missing.
    """
    try:
        wanted = dict(json.loads(reference)["fields"])
    except (ValueError, KeyError, TypeError):
        return None
    if not wanted:
        return None
    found = first_value(answer, "[" if all(path[:1].isdigit() for path in wanted) else "{")
    if found is None:
        return 0.0
    return sum(_same(_at(found, path), value) for path, value in wanted.items()) / len(wanted)


def _at(found: Any, path: str) -> Any:
    if isinstance(found, dict) and path in found:
        return found[path]
    for step in path.split("."):
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(found, bool) or wanted is None or found is None:
        return found is wanted
    if isinstance(wanted, dict | list):
        return bool(found == wanted)
    if isinstance(found, dict | list):
        return False
    return _number(found) == _number(wanted) if _number(wanted) is not None else _text(found) == _text(wanted)


def _number(value: Any) -> float | None:
    """Return what a number is worth, also one written as text; None for any other text: 007 is an id."""
    return float(value) if _NUMBER.fullmatch(str(value)) else None


def _text(value: Any) -> str:
    return normalise(str(value))
