"""What can be seen in an answer without knowing whether it is right; pure functions of prompt and answer.

Used by the verifiers for their reasons and by the answer model as features, so that both see the same.
"""

from __future__ import annotations

import ast
import json
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from router_training.answers.shown import visible
from router_training.answers.sought import Sought

FENCED = re.compile(r"```[ \t]*+([\w+-]*+)[ \t]*+\n(.*?)(?:```|\Z)", re.DOTALL)
REFUSAL = re.compile(
    r"\b(?:i(?:['’]m| am) (?:sorry|unable|not able)|i (?:can['’]?t|cannot|can not|won['’]t|am not able to) "
    r"(?:assist|help|provide|fulfil|answer|comply|do (?:that|this)|determine|access)|as an ai\b)",
    re.IGNORECASE,
)
ASKS_JSON = Sought(("json",), r"\bjson\b")
ASKS_PYTHON = Sought(
    ("python", "def "),
    r"\bpython\b.{0,80}\b(?:function|code|program|script|class|one-liner|expression)\b"
    r"|\b(?:function|code|program|script|class)\b.{0,80}\bpython\b|\bdef \w+\(",
    re.DOTALL,
)
ASKS_NUMBER = Sought(
    (
        *("how ", "calculate", "compute", "evaluate", "sum of", "product of", "average", "percent"),
        *("as a number", "only the number", "what is"),
    ),
    r"\bhow (?:many|much|old|far|long|tall)\b|\b(?:calculate|compute|evaluate)\b|\bsum of\b|\bproduct of\b"
    r"|\baverage\b|\bpercent|\bas a number\b|\bonly the number\b|\bwhat is -?\d",
)
NUMBER_WORDS = re.compile(
    r"\d|\b(?:zero|none|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|thousand"
    r"|million|half)\b",
    re.IGNORECASE,
)
LEADING_CHARACTERS = 300
REPEATED_WORDS, FEWEST_DISTINCT = 30, 0.4
UNFINISHED = re.compile(r"(?:[,(\[{]|\b(?:and|the|of|to|a|is))\Z")
LONGEST_SOURCE = 20_000
_quiet = threading.Lock()  # warning filters are shared by all threads


@contextmanager
def quietly() -> Iterator[None]:
    """Parse what a model wrote without Python's warnings about it."""
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def is_empty(answer: str) -> bool:
    """Tell whether nothing visible was said."""
    return not visible(answer).strip()


def is_refusal(answer: str) -> bool:
    """Tell whether the answer begins by declining."""
    return bool(REFUSAL.search(answer[:LEADING_CHARACTERS]))


def is_repetitive(answer: str) -> bool:
    """Tell whether the answer goes in circles: of its last 200 runs of three words few are distinct."""
    words = answer[-4000:].split()[-200:]
    if len(words) < REPEATED_WORDS:
        return False
    runs = list(zip(words, words[1:], words[2:], strict=False))
    return len(set(runs)) < FEWEST_DISTINCT * len(runs)


def is_cut_off(answer: str) -> bool:
    """Tell whether the text stops in the middle: an open code block, or a long text without an end."""
    text = answer.rstrip()
    if text.count("```") % 2:
        return True
    return bool(UNFINISHED.search(text[-8:])) and len(text.split()) > REPEATED_WORDS


def asks_json(prompt: str) -> bool:
    """Tell whether the prompt speaks of JSON."""
    return bool(ASKS_JSON.search(prompt))


def holds_json(answer: str) -> bool:
    """Tell whether the answer holds a JSON object or array, bare or in a code block."""
    return bool(json_values(answer))


def json_values(answer: str) -> list[Any]:
    """Return the JSON objects and arrays in an answer: the whole, its code blocks, and those that it begins."""
    texts = (answer, *(body for _, body in FENCED.findall(answer)))
    found = [value for text in texts if isinstance(value := _whole_json(text), dict | list)]
    found += [value for start in _openings(answer) if (value := _leading_json(answer, start)) is not None]
    return found


def _openings(answer: str) -> list[int]:
    """Return where an object or array might begin: the first of each kind."""
    return [start for start in (answer.find("{"), answer.find("[")) if start >= 0]


def _whole_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _leading_json(text: str, start: int) -> Any:
    try:
        return json.JSONDecoder().raw_decode(text, start)[0]
    except (ValueError, RecursionError):
        return None


def asks_python(prompt: str) -> bool:
    """Tell whether the prompt asks for Python code."""
    return bool(ASKS_PYTHON.search(prompt))


def holds_python(answer: str) -> bool:
    """Tell whether the answer's code blocks, or without any the answer itself, are Python that parses."""
    blocks = [
        body
        for language, body in FENCED.findall(answer)
        if language.lower() in ("", "python", "py", "python3")
    ]
    source = "\n".join(blocks) if blocks else answer
    if len(source) > LONGEST_SOURCE or is_empty(source):
        return False
    try:
        with quietly():
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def asks_number(prompt: str) -> bool:
    """Tell whether the prompt asks for a quantity."""
    return bool(ASKS_NUMBER.search(prompt))


def holds_number(answer: str) -> bool:
    """Tell whether the answer names any number, in digits or words."""
    return bool(NUMBER_WORDS.search(answer))
