"""Does a JSON text hold what a JSON schema asks for? (JSON Schema, draft 2020-12)."""

from __future__ import annotations

import json
from typing import Any

from langchain_core.tools import ToolException, tool

LONGEST = 100_000  # characters of either text
MOST_SHOWN = 5


@tool
def json_validation(document: str, json_schema: str) -> str:
    """Check a JSON text against a JSON schema; both are given as text. Says "valid" or what is wrong where."""
    from jsonschema import Draft202012Validator, exceptions  # 0.1 s that other tools spare
    from referencing import Registry, exceptions as references

    content, rules = _parsed("document", document), _parsed("schema", json_schema)
    try:
        Draft202012Validator.check_schema(rules)
        # an empty registry: nothing is fetched, whatever $ref says
        found = list(Draft202012Validator(rules, registry=Registry()).iter_errors(content))
    except exceptions.SchemaError as error:
        raise ToolException(f"the schema is not valid: {error.message}") from error
    except (references.Unresolvable, RecursionError) as error:
        raise ToolException(f"the schema refers to what it does not hold: {error}") from error
    if not found:
        return "valid"
    shown = "; ".join(f"{one.json_path}: {one.message[:200]}" for one in found[:MOST_SHOWN])
    return f"not valid, {len(found)} errors: {shown}" if len(found) > 1 else f"not valid: {shown}"


def _parsed(name: str, text: str) -> Any:
    if len(text) > LONGEST:
        raise ToolException(f"the {name} has {len(text):,} characters; {LONGEST:,} is the most")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ToolException(f"the {name} is not JSON: {error}") from error
