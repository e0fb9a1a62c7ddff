"""Rows of a benchmark as tasks: the prompt with its choices, the right answer in the form its grader reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from router_training.contract import Task, UsageError
from router_training.importing.cells import Unreadable, prompt_id, prompt_text, text, text_id
from router_training.importing.guessing import TASK
from router_training.importing.records import Record, Rejected

CHOICES = ("choices", "options", "endings")
ROLES = (*TASK, "choices")
FINAL = "#### "  # GSM8K sets its result behind this


@dataclass(frozen=True)
class TaskColumns:
    """Which column holds what (`prompt`, `reference`, `choices`, ...), and the grader of all tasks."""

    names: Mapping[str, str]
    grader: str


def guess_columns(sample: Sequence[Record], said: Mapping[str, str], grader: str | None) -> TaskColumns:
    """Return what the columns hold by their names; `said` maps columns to roles and wins.

    Without a name, the grader is that of choices where there are some, of numbers where all right answers are
    numbers, else that of texts but for case and blanks.

    Raises:
        UsageError: if no column holds the prompt, or `said` names an unknown column or role.
    """
    columns = list(dict.fromkeys(name for record in sample for name in record.values))
    for column, role in said.items():
        if column not in columns or role not in ROLES:
            raise UsageError(
                f"--column {column}={role}: the columns are {', '.join(columns)}; one holds {', '.join(ROLES)}"
            )
    names = {role: column for column, role in said.items()}
    lower = {column.lower(): column for column in reversed(columns)}
    for role, known in {**TASK, "choices": CHOICES}.items():
        found = next((lower[name] for name in known if name in lower), None)
        if role not in names and found is not None and found not in names.values():
            names[role] = found
    if "prompt" not in names:
        raise UsageError(
            f"no column holds the prompt; say --column NAME=prompt (the columns are {', '.join(columns)})"
        )
    return TaskColumns(names, grader or _grader(sample, names))


def _grader(sample: Sequence[Record], names: Mapping[str, str]) -> str:
    if "choices" in names:
        return "choice"
    answers = (
        [_answer(record.values.get(names["reference"])) for record in sample] if "reference" in names else []
    )
    return "numeric" if answers and all(map(_is_number, answers)) else "exact_normalised"


def _is_number(answer: str | None) -> bool:
    try:
        return answer is not None and float(answer.replace(",", "")) is not None
    except ValueError:
        return False


def task_of(record: Record, columns: TaskColumns, source: str) -> Task | Rejected:
    """Return the record as a task; its id is its own, or made from its prompt."""
    given = {role: record.values.get(column) for role, column in columns.names.items()}
    try:
        prompt, reference = prompt_text(given.get("prompt")), _answer(given.get("reference"))
        if "choices" in given:
            prompt, reference = _with_choices(prompt, given["choices"], given.get("reference"))
        return Task(
            prompt=prompt,
            task_id=text_id(given.get("task_id")) or prompt_id(prompt),
            task_type=text(given.get("task_type")) or source,
            reference=reference,
            grader=None if reference is None else columns.grader,
        )
    except Unreadable as reason:
        return Rejected(record.place, str(reason), str(record.values)[:300])


def _answer(value: Any) -> str | None:
    """Return the right answer as text: the first of several, the text of a SQuAD answer, what follows GSM8K's mark."""
    if isinstance(value, Mapping) and "text" in value:
        value = value["text"]
    if isinstance(value, list):
        value = value[0] if value else None
    written = text(value)
    return written if written is None or FINAL not in written else written.rpartition(FINAL)[2].strip()


def _with_choices(prompt: str, choices: Any, answer: Any) -> tuple[str, str | None]:
    """Return the prompt with lettered choices below it, and the reference that the grader of choices reads.

    Raises:
        Unreadable: if there are no choices, or the answer is none of them.
    """
    meanings, labels = _choices(choices)
    listed = "\n".join(f"{label}. {meaning}" for label, meaning in zip(labels, meanings, strict=True))
    asked = f"{prompt}\n\n{listed}\n\nAnswer with the letter of the right choice."
    if answer is None:
        return asked, None
    said = str(answer).strip()
    if said in labels:
        right = said
    elif said in meanings:
        right = labels[meanings.index(said)]
    elif said.isdigit() and int(said) < len(labels):
        right = labels[int(said)]
    else:
        raise Unreadable(f"the answer {said[:40]!r} is none of the {len(labels)} choices")
    return asked, json.dumps({"label": right, "labels": labels, "meanings": meanings}, ensure_ascii=False)


def _choices(choices: Any) -> tuple[list[str], list[str]]:
    """Return the texts and letters of choices; ARC writes {"text": [...], "label": [...]}."""
    if isinstance(choices, Mapping) and isinstance(choices.get("text"), list):
        labels = choices.get("label") or []
        texts = choices["text"]
    else:
        texts, labels = choices, []
    if not isinstance(texts, list) or not 2 <= len(texts) <= len(ascii_uppercase):
        raise Unreadable("the choices are no list of 2 to 26")
    return [str(one) for one in texts], [str(one) for one in labels] or list(ascii_uppercase[: len(texts)])
