"""Turn a sentence into a JSON object with given keys."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import NAMES, THINGS, pick, say

_WORDINGS = (
    "Write as a JSON object with the keys {keys}: {t}",
    "{t}\nReturn JSON with {keys}.",
    "Convert to JSON ({keys}): {t}",
    "Give me a JSON object having {keys} for this: {t}",
    "Fill the JSON keys {keys} from the text. Text: {t}",
)
_CITIES = ["Paris", "Oslo", "Lima", "Cairo", "Rome", "Tokyo", "Delhi", "Quito", "Dublin", "Vienna"]
_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}


def _schema(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        inner = {key: _schema(part) for key, part in value.items()}
        return {"type": "object", "properties": inner, "required": list(value)}
    if isinstance(value, list):
        return {"type": "array", "items": _schema(value[0])}
    return {"type": _TYPES[type(value)]}


def _record(rng: Random, level: int) -> tuple[str, dict[str, Any], str]:
    a, b = rng.sample(NAMES, 2)
    city, n, m = rng.choice(_CITIES), rng.randint(18, 80), rng.randint(2, 30)
    t, u = pick(rng, THINGS, 2)
    price = rng.randint(2, 60) + rng.choice([0.25, 0.5, 0.75, 0.99])
    if level == 1:
        return f"{a} lives in {city}.", {"name": a, "city": city}, "name, city"
    if level == 2:
        return (
            f"{a} is {n} years old and lives in {city}.",
            {"name": a, "age": n, "city": city},
            "name, age (number), city",
        )
    if level == 3:
        paid = rng.random() < 0.5
        text = f"{a} ordered {m} {t} at {price} dollars and has {'already' if paid else 'not yet'} paid."
        record = {"customer": a, "item": t, "quantity": m, "price": price, "paid": paid}
        return text, record, "customer, item, quantity, price, paid (true or false)"
    if level == 4:
        text = f"{a}, {n}, from {city}, likes {t} and {u}."
        return (
            text,
            {"name": a, "age": n, "city": city, "likes": [t, u]},
            "name, age (number), city, likes (list)",
        )
    text = f"{a} from {city} sends {m} {t} to {b}, who is {n}."
    record = {"sender": {"name": a, "city": city}, "receiver": {"name": b, "age": n}, "goods": {t: m}}
    keys = "sender (object with name, city), receiver (object with name, age), goods (object: item to number)"
    return text, record, keys


def draw(rng: Random, level: int) -> Draft:
    """Draw a flat record of two keys (1) up to nested objects (5)."""
    text, record, keys = _record(rng, level)
    schema = _schema(record)
    for name in {"quantity", "price"} & set(record):  # the prompt does not ask for a number there
        schema["properties"][name] = {"type": ["number", "string"]}
    key = {"schema": schema, "expected": record}
    if "goods" in record:  # "object: item to number" may be read as two keys
        schema["properties"]["goods"] = {"type": "object"}
        [(item, number)] = record["goods"].items()
        key["or"] = record | {"goods": {"item": item, "number": number}}
    reference = json.dumps(key)
    return Draft(say(rng, _WORDINGS, keys=keys, t=text), reference, "json_schema", text)
