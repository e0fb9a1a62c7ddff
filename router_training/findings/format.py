"""Does the answer have the form that the prompt asked for: JSON, a schema, yes or no, a number, a length, a language?"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from router_training.answers import answer_checks as checks
from router_training.answers.answer_language import asked_language, is_other_language
from router_training.answers.finding import ABSENT, Finding
from router_training.answers.sought import Sought

KIND = "format"
LONGEST_JSON = 100_000
SLACK = 1.1  # of a length: people count words differently
ASKS_YES_NO = Sought(("yes or no", "yes/no"), r"\b(?:yes or no|yes/no)\b")
YES_NO = re.compile(r"\b(?:yes|no|not|true|false)\b", re.IGNORECASE)
ONE_WORD = Sought(
    ("one word", "a single word"),
    r"\b(?:in|with|as|use|give|just|only) (?:only |exactly |just )?(?:one|a single) word\b",
)
FEW_WORDS = 5
AT_MOST = Sought(
    (" word", " sentence", " character", " line", " letter"),
    r"\b(?:at most|no more than|not more than|up to|within|maximum of|max\.?|under|fewer than|less than|exactly|in) "
    r"(\d{1,4}|one|two|three|four|five) (words?|sentences?|characters?|lines?|letters?)\b",
)
NAMED = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}
SENTENCE_END = re.compile(r"[.!?](?:[\"')\]]{0,2})(?:\s|\Z)")
COUNTED: dict[str, Callable[[str], int]] = {
    "word": lambda text: len(text.split()),
    "sentence": lambda text: max(len(SENTENCE_END.findall(text)), 1),
    "character": len,
    "letter": lambda text: sum(sign.isalpha() for sign in text),
    "line": lambda text: len([line for line in text.splitlines() if line.strip()]),
}


def find(prompt: str, answer: str, schema: str | None = None) -> Finding:
    """Return the first form that was asked for and is missing, else that one is there; `schema` is JSON text."""
    found = [
        finding
        for check in (_json, _yes_no, _number, _length, _language)
        if (finding := check(prompt, answer, schema)) is not None
    ]
    missing = [finding for finding in found if finding.name != "as asked"]
    return next(
        iter([*missing, *found]), Finding(KIND, ABSENT, "the prompt asks for no form that can be checked")
    )


def _is(holds: bool, name: str, what: str) -> Finding:
    if holds:
        return Finding(KIND, "as asked", f"the answer holds {what}, as asked")
    return Finding(KIND, name, f"the prompt asks for {what} and the answer holds none")


def _json(prompt: str, answer: str, schema: str | None) -> Finding | None:
    if (schema is None and not checks.asks_json(prompt)) or len(answer) >= LONGEST_JSON:
        return None
    if not checks.holds_json(answer):
        return _is(False, "no JSON", "valid JSON")
    rules = json_schema(prompt, schema)
    if rules is None:
        return _is(True, "no JSON", "valid JSON")
    values = checks.json_values(answer)
    return _is(any(_fits(value, rules) for value in values), "off schema", "JSON that fits the schema")


def json_schema(prompt: str, schema: str | None) -> dict[str, Any] | None:
    """Return the JSON schema of a request: the one given, else one that the prompt shows."""
    shown = checks.json_values(prompt[:LONGEST_JSON]) if schema is None else checks.json_values(schema)
    likely = [value for value in shown if isinstance(value, dict) and _is_schema(value)]
    return likely[0] if likely else None


def _is_schema(value: dict[str, Any]) -> bool:
    is_typed = isinstance(value.get("type"), str) and ("properties" in value or "items" in value)
    return (
        "$schema" in value or is_typed or (isinstance(value.get("properties"), dict) and "required" in value)
    )


def _fits(value: Any, rules: dict[str, Any]) -> bool:
    """Tell whether a value fits; a schema that is none, or points elsewhere, rules nothing out."""
    from jsonschema import Draft202012Validator, exceptions  # 0.1 s that most requests spare
    from referencing import Registry, exceptions as references

    try:
        Draft202012Validator.check_schema(rules)
        return bool(Draft202012Validator(rules, registry=Registry()).is_valid(value))
    except (exceptions.SchemaError, references.Unresolvable, RecursionError):
        return True


def _yes_no(prompt: str, answer: str, _schema: str | None) -> Finding | None:
    return (
        _is(bool(YES_NO.search(answer)), "no yes or no", "a yes or no")
        if ASKS_YES_NO.search(prompt)
        else None
    )


def _number(prompt: str, answer: str, _schema: str | None) -> Finding | None:
    if not checks.asks_number(prompt) or checks.asks_python(prompt):
        return None
    return _is(checks.holds_number(answer), "no number", "a number")


def _length(prompt: str, answer: str, _schema: str | None) -> Finding | None:
    most, unit = (FEW_WORDS, "word") if ONE_WORD.search(prompt) else (0, "")
    if not unit and (asked := AT_MOST.search(prompt)) is not None:
        most, unit = (
            NAMED.get(asked.group(1).casefold()) or int(asked.group(1)),
            asked.group(2).casefold().rstrip("s"),
        )
    if not unit or not most:
        return None
    n = COUNTED[unit](answer)
    if n <= most * SLACK:
        return Finding(KIND, "as asked", f"the answer has {n} {unit}s, as asked")
    return Finding(KIND, "too long", f"the prompt asks for {most} {unit}s at most and the answer has {n}")


def _language(prompt: str, answer: str, _schema: str | None) -> Finding | None:
    if (language := asked_language(prompt)) is None:
        return None
    if is_other_language(answer, language):
        return Finding(
            KIND, "other language", f"the prompt asks for {language} and the answer is in another language"
        )
    return Finding(KIND, "as asked", f"nothing speaks against {language}, as asked")
