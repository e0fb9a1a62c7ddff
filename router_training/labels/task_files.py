"""Tasks from files: JSONL, CSV, Parquet, a Hugging Face dataset on disk, or chat logs; a bad row costs itself alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from router_training.contract import DataError, Task
from router_training.importing.cells import Unreadable, prompt_id, prompt_text, text, text_id
from router_training.importing.records import (
    SHOWN,
    Place,
    Record,
    Records,
    Rejected,
    read_records,
    records_of,
)
from router_training.importing.saved_datasets import arrow_records, saved_tables

SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
NAMES: Mapping[str, tuple[str, ...]] = {
    "prompt": ("prompt", "question", "input", "instruction", "query", "problem", "user_prompt", "user_message", "text"),
    "messages": ("messages", "conversation", "conversations", "chat"),
    "task_id": ("task_id", "id", "custom_id", "question_id", "prompt_id", "uid", "idx", "index"),
    "reference": (
        "reference", "reference_answer", "expected_answer", "correct_answer", "gold_answer", "answer", "target", "expected",
        "expected_output", "gold", "ground_truth", "solution", "output", "label",
    ),
    "task_type": ("task_type", "category", "subject", "type", "task", "domain"),
    "grader": ("grader", "scorer", "metric"),
    "json_schema": ("json_schema",),
}  # fmt: skip
"""What a column of a task file may be called, the likeliest name first; capitals, blanks and hyphens do not matter."""


@dataclass(frozen=True)
class TaskFile:
    """The tasks of a file and what was left out of it, in the file's order.

    `columns` are what was taken for what, `unused` those that hold nothing that is known.
    """

    tasks: list[Task]
    rejected: list[Rejected]
    columns: Mapping[str, str]
    unused: tuple[str, ...] = ()


def read_task_file(
    path: Path | str, *, columns: Mapping[str, str] | None = None, grader: str | None = None
) -> TaskFile:
    """Read tasks; a task without an id gets one made from its prompt, one without a grader `grader`.

    Numbers and texts are one kind of id: 7, 7.0 and "7" are the same task. A second row with an id, or without one a
    second row with a prompt, is left out, and so is what cannot be read.

    Args:
        path: a .jsonl, .json, .csv, .tsv or .parquet file, a folder of such files, or a folder that Hugging Face
            `datasets` saved to disk.
        columns: field by column name, where NAMES does not tell.
        grader: the grader of tasks that name none.

    Raises:
        DataError: if nothing can be read, naming the file and the first thing that was wrong.
    """
    known: dict[str, Place] = {}
    tasks: list[Task] = []
    rejected: list[Rejected] = []
    taken: dict[str, str] = {}
    seen: dict[str, None] = {}
    for record in _records(Path(path)):
        made = record if isinstance(record, Rejected) else _task(record, columns or {}, taken)
        if isinstance(made, Task) and isinstance(record, Record):
            seen.update(dict.fromkeys(map(str, record.values)))
            if made.task_id not in known:
                known[made.task_id] = record.place
                tasks.append(made if made.grader else replace(made, grader=grader))
                continue
            made = Rejected(
                record.place,
                f"task {made.task_id!r} already stands in {known[made.task_id]}",
                made.prompt[:SHOWN],
            )
        if isinstance(made, Rejected):
            rejected.append(made)
    if not tasks:
        raise DataError(_nothing(path, rejected))
    return TaskFile(tasks, rejected, taken, tuple(name for name in seen if name not in taken.values()))


def write_rejected(rejected: list[Rejected], path: Path) -> None:
    """List what was left out, one JSON object per line; without any, the file goes away."""
    if not rejected:
        path.unlink(missing_ok=True)
        return
    with path.open("w", encoding="utf-8") as out:
        for one in rejected:
            row = {"file": one.place.file, one.place.unit: one.place.number, "reason": one.reason}
            out.write(json.dumps({**row, "content": one.content}, ensure_ascii=False) + "\n")


def _nothing(path: Path | str, rejected: list[Rejected]) -> str:
    if not rejected:
        return f"{path} holds no task; it needs one row per task, with a prompt"
    return f"{rejected[0].place}: {rejected[0].reason}"


def _records(path: Path) -> Records:
    if path.is_dir() and (tables := saved_tables(path)):
        return records_of(tables, arrow_records)
    return read_records(path, SUFFIXES)


def _task(record: Record, columns: Mapping[str, str], taken: dict[str, str]) -> Task | Rejected:
    given = _fields(record.values, columns, taken)
    try:
        said = _conversation(given.get("messages"))
        prompt = prompt_text(said if said is not None else _asked(record, given))
        found = {name: text(given.get(name)) for name in ("reference", "task_type", "grader", "json_schema")}
        packed = None if said is None or len(said) == 1 else json.dumps(said, ensure_ascii=False)
        task_id = text_id(given.get("task_id")) or prompt_id(prompt if packed is None else packed)
        return Task(prompt, task_id, **found, messages=packed)
    except Unreadable as reason:
        shown = json.dumps(dict(record.values), ensure_ascii=True, default=str)[:SHOWN]
        return Rejected(record.place, str(reason), shown)


def _asked(record: Record, given: Mapping[str, Any]) -> Any:
    if "prompt" not in given:
        names = ", ".join(map(str, list(record.values)[:8]))
        raise Unreadable(f"no prompt (found: {names}); call that column prompt, or messages for a chat")
    if given["prompt"] is not None and not isinstance(given["prompt"], str | list):
        raise Unreadable(f"the prompt is {str(given['prompt'])[:40]!r}, no text")
    return given["prompt"]


def _fields(values: Mapping[str, Any], columns: Mapping[str, str], taken: dict[str, str]) -> dict[str, Any]:
    """Return the record by our names: chosen columns first, then those whose name tells; logs wrap the request."""
    body = values.get("body") or values.get("request")  # a line of OpenAI's batch input, or of a request log
    if isinstance(body, Mapping) and "messages" in body:
        values = {**values, "messages": body["messages"]}
    lower = {re.sub(r"[\s-]+", "_", str(name).strip().lower()): name for name in values}
    found: dict[str, Any] = {}
    for field_name, names in NAMES.items():
        chosen = [column for column, meant in columns.items() if meant == field_name]
        column = next((c for c in chosen if c in values), None)
        if column is None:
            column = next(
                (lower[name] for name in names if name in lower and lower[name] not in columns), None
            )
        if column is not None:
            taken.setdefault(field_name, str(column))
            found[field_name] = values[column]
    return found


def _conversation(value: Any) -> list[dict[str, Any]] | None:
    """Return a chat up to its last user message, as endpoints read it; None where there is no chat."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"messages is no JSON that can be read ({error})") from error
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(message, Mapping) for message in value):
        raise Unreadable('messages is no chat; write [{"role": "user", "content": "..."}]')
    said = [_message(message) for message in value]
    last = max((i for i, message in enumerate(said) if message["role"] == "user"), default=None)
    if last is None:
        raise Unreadable("the chat holds no message of a user")
    return said[: last + 1]


_ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant"}


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    role, content = message.get("role", message.get("from")), message.get("content", message.get("value"))
    if not isinstance(role, str):
        raise Unreadable("a message of the chat has no role")
    kept = {key: message[key] for key in ("tool_calls", "tool_call_id", "name") if message.get(key)}
    return {"role": _ROLES.get(role, role), "content": content, **kept}
