"""One cell of somebody else's table: what a model did on a task, as it stands there, and as an outcome."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from router_training.contract import LABEL_SOURCES, Outcome
from router_training.importing.records import SHOWN, Place, Record, Rejected

MISSING = frozenset({"", "nan", "null", "none", "na", "n/a", "-", "<na>"})
_RIGHT = frozenset({"true", "yes", "correct", "right", "pass", "passed"})
_WRONG = frozenset({"false", "no", "incorrect", "wrong", "fail", "failed"})
_FAILURE = re.compile(
    r"(api |http |server )?(error|exception|timeout|timed out|refused|rate.?limit|http \d{3})", re.I
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A model's result on a task as the file has it; `fields` are named like those of Outcome, values unread.

    `latency_ms` may stand for `latency_s`; a missing `task_id` is made from the prompt. `unjudged` says why an answer has
    no grade, where `error` says why there is no answer.
    """

    place: Place
    fields: Mapping[str, Any]


Cells = Iterator[Cell | Rejected]


@dataclass(frozen=True)
class Choices:
    """What the user said about a file: see the options of `pointsman import`.

    `columns` maps a column to what it holds; `full_marks` is the highest grade; `score` names the score or assessment
    that is the grade; `prompts` is a file that holds the prompts where the answers do not.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    full_marks: float | None = None
    score: str | None = None
    prompts: Path | None = None
    trust_pickle: bool = False
    agree: Agree | None = None


class Agree(Protocol):
    """Shows what columns were guessed to hold, and asks where that is unsure; raises UsageError if it is wrong."""

    def __call__(self, rows: list[tuple[str, str, str]], doubts: list[str]) -> None: ...


class Unreadable(ValueError):
    """Raised inside this package when a value cannot be read; the message is the reason."""


def outcome(cell: Cell, full_marks: float = 1.0) -> Outcome | Rejected:
    """Return the cell as an outcome, or why it cannot be one; a failed call is an outcome without a quality."""
    given = cell.fields
    try:
        prompt = prompt_text(given.get("prompt"))
        task_id = text_id(given.get("task_id")) or prompt_id(prompt)
        model = text(given.get("model"))
        if model is None:
            raise Unreadable("the model has no name")
        quality, error = _grade(given.get("quality"), full_marks)
        error = text(given.get("error")) or error
        unjudged = text(given.get("unjudged"))
        return Outcome(
            task_id=task_id,
            prompt=prompt,
            model=model,
            quality=None if error or unjudged else quality,
            response=None if error else answer_text(given.get("response")),
            error=error or unjudged,
            label_source=_label_source(given.get("label_source")),
            task_type=text(given.get("task_type")),
            reference=text(given.get("reference")),
            source=text(given.get("source")),
            time=text(given.get("time")),
            **_numbers(given),
        )
    except Unreadable as reason:
        return Rejected(cell.place, str(reason), _shown(given))


def _numbers(given: Mapping[str, Any]) -> dict[str, Any]:
    tokens = {name: number(given.get(name), name) for name in ("prompt_tokens", "completion_tokens")}
    milliseconds = number(given.get("latency_ms"), "latency_ms")
    return {
        "cost_usd": number(given.get("cost_usd"), "cost_usd"),
        "latency_s": number(given.get("latency_s"), "latency_s")
        if milliseconds is None
        else milliseconds / 1000,
        **{name: None if value is None else round(value) for name, value in tokens.items()},
        "propensity": number(given.get("propensity"), "propensity"),
    }


def _label_source(value: Any) -> str:
    found = text(value) or "gold"
    if found not in LABEL_SOURCES:
        raise Unreadable(f"label_source is {found[:40]!r}, not one of {', '.join(LABEL_SOURCES)}")
    return found


def _shown(given: Mapping[str, Any]) -> str:
    return json.dumps({name: str(value)[:SHOWN] for name, value in given.items() if value is not None})[
        : 2 * SHOWN
    ]


def text(value: Any) -> str | None:
    """Return the value as text, None where it is missing.

    Raises:
        Unreadable: if it holds half a character.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    try:
        written.encode()
    except UnicodeEncodeError as error:
        raise Unreadable("half a character (a lone surrogate); write the file as UTF-8") from error
    return written if written.strip() else None


def text_id(value: Any) -> str | None:
    """Return an id as text: 7, 7.0, "7" and "7.0" are one id, "007" is another."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    written = (text(value) or "").strip()
    whole, _, rest = written.partition(".")
    return whole if rest == "0" and whole.isdigit() else written or None


def prompt_id(prompt: str) -> str:
    """Return the id of a task that has none: equal prompts, equal ids, in whichever file they stand."""
    return f"p-{hashlib.sha256(prompt.encode()).hexdigest()[:16]}"


def prompt_text(value: Any) -> str:
    """Return the prompt: the text itself, or the last user message of a chat.

    Raises:
        Unreadable: if there is none.
    """
    looks_packed = isinstance(value, str) and value.lstrip().startswith(("[{", '{"'))
    written = text(_asked(_parsed(value) if looks_packed else value) or value)
    if written is None:
        raise Unreadable("the prompt is blank")
    return written


def _asked(value: Any) -> Any:
    """Return what a chat, or a request with one, asked last; None where the value is neither."""
    if isinstance(value, Mapping):
        return next(
            (_asked(value[key]) or value[key] for key in ("messages", "input", "prompt") if key in value),
            None,
        )
    if not isinstance(value, list) or not value:
        return None
    if all(isinstance(part, str) for part in value):
        return "\n".join(value)
    if not all(isinstance(message, Mapping) and "role" in message for message in value):
        return None
    users = [message for message in value if message["role"] == "user"]
    said = _content(users[-1].get("content")) if users else None
    if said is None:
        raise Unreadable("the chat holds no text of a user")
    return said


def answer_text(value: Any) -> str | None:
    """Return an answer as text: the text itself, or the assistant's message of an OpenAI response."""
    if isinstance(value, str) and value.lstrip().startswith('{"'):
        parsed = _parsed(value)
        value = value if chat_answer(parsed) is None else parsed
    found = chat_answer(value) if isinstance(value, Mapping) else None
    return text(value) if found is None else text(found)


def chat_answer(body: Any) -> Any:
    """Return what the assistant said in a chat completion, a response, or a message; None where nothing is found."""
    if not isinstance(body, Mapping):
        return None
    choices = body.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
        message = choices[0].get("message") or {}
        return _content(message.get("content") if isinstance(message, Mapping) else None) or choices[0].get(
            "text"
        )
    if isinstance(body.get("output"), list):
        said = [
            item
            for item in body["output"]
            if isinstance(item, Mapping) and item.get("type", "message") == "message"
        ]
        return _content([part for item in said for part in item.get("content") or []])
    return _content(body["content"]) if body.get("role") == "assistant" and "content" in body else None


def _content(value: Any) -> str | None:
    if not isinstance(value, list):
        return value if isinstance(value, str) else None
    parts = [
        part.get("text") for part in value if isinstance(part, Mapping) and isinstance(part.get("text"), str)
    ]
    return "\n".join(part for part in parts if part) or None


def _parsed(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def number(value: Any, name: str) -> float | None:
    """Return a number of 0 or more, None where it is missing.

    Raises:
        Unreadable: if it is no such number.
    """
    if value is None or (isinstance(value, str) and value.strip().lower() in MISSING):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError) as error:
        raise Unreadable(f"{name} is {str(value)[:40]!r}, not a number") from error
    if math.isnan(found):
        return None
    if not 0 <= found < math.inf:
        raise Unreadable(f"{name} is {found:g}, but must be finite and at least 0")
    return found


def _grade(value: Any, full_marks: float) -> tuple[float | None, str | None]:
    """Return a quality in [0, 1] and None, or None and why there is no grade (None where nobody says).

    Raises:
        Unreadable: if the value is neither a grade nor an error.
    """
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _RIGHT | _WRONG:
            return float(word in _RIGHT), None
        if _FAILURE.match(word):
            return None, value.strip()
        if word.endswith("%"):
            value, full_marks = word[:-1], 100.0
        elif re.fullmatch(r"-?\d*,\d+", word):  # a decimal comma
            value = word.replace(",", ".")
    found = number(value, "quality")
    if found is None:
        return None, None
    if found > full_marks:
        raise Unreadable(
            f"quality is {found:g}, but full marks are {full_marks:g}; say --full-marks if they are not"
        )
    return found / full_marks, None


def is_grade(value: Any) -> bool:
    """Tell whether a value could be a grade in [0, 1]: a number, a truth value, or a word such as "correct"."""
    try:
        quality, error = _grade(value, 1.0)
    except Unreadable:
        return False
    return quality is not None or error is not None


def own_cell(record: Record) -> Cell:
    """Return the cell of a row of an outcome table: an answer that nobody could grade stays an answer."""
    values = dict(record.values)
    if text(values.get("error")) and text(values.get("response")):
        values |= {"error": None, "unjudged": values["error"]}
    if values.get("prompt") is None:
        values["prompt"] = values.get("messages")
    return Cell(record.place, values)


def from_record(record: Record, names: Mapping[str, str], **more: Any) -> Cell:
    """Return the cell of a record that has one: `names` says which of its keys holds which field."""
    return Cell(record.place, {field: record.values.get(key) for field, key in names.items()} | more)
