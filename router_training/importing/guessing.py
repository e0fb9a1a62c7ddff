"""Guess what the columns of an unknown table hold, and say where the guess is unsure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from router_training.contract import UsageError
from router_training.importing.cells import Unreadable, is_grade, number
from router_training.importing.layout import MODEL, Layout
from router_training.importing.records import Record
from router_training.listing import listed

TASK = {
    "prompt": ("prompt", "question", "query", "input", "instruction", "user_prompt", "user_message", "messages"),
    "task_id": ("task_id", "id", "sample_id", "prompt_id", "question_id", "row_id", "idx", "index", "uid", "key"),
    "reference": (
        "reference", "reference_answer", "expected", "expected_answer", "expected_output", "ground_truth",
        "golden_answer", "gold_answer", "gold", "correct_answer", "target", "answer",
    ),
    "task_type": ("task_type", "category", "type", "task", "task_name", "domain", "subject", "topic"),
    "source": ("source", "dataset", "dataset_name", "eval_name", "benchmark"),
}  # fmt: skip
MODEL_NAMES = ("model", "model_name", "llm", "model_id")
MEASURES = {
    "quality": (
        "quality", "score", "correct", "is_correct", "grade", "accuracy", "acc", "performance", "passed", "pass", "rating",
    ),
    "cost_usd": ("cost_usd", "total_cost", "cost", "usd", "price_usd", "price"),
    "latency_s": ("latency_s", "latency", "latency_seconds", "seconds", "duration_s", "duration", "response_time"),
    "latency_ms": ("latency_ms", "duration_ms", "response_time_ms", "ms"),
    "response": ("model_response", "response", "answer", "output", "completion", "generation", "prediction", "reply"),
    "prompt_tokens": ("prompt_tokens", "input_tokens", "tokens_in", "num_input_tokens"),
    "completion_tokens": ("completion_tokens", "output_tokens", "tokens_out", "num_output_tokens"),
    "error": ("error", "error_message", "exception"),
}  # fmt: skip
ROLES = (*TASK, MODEL, *MEASURES)
IGNORE = "ignore"
_MEASURE_OF = {name: measure for measure, names in MEASURES.items() for name in names}
_ENDINGS = sorted(_MEASURE_OF, key=len, reverse=True)
_BETWEEN = r"[ _.|/:\-]+"
_LIKE_A_MODEL = re.compile(
    r"gpt|claude|llama|mi[sx]tral|gemini|gemma|qwen|phi|deepseek|command|grok|yi-|glm|kimi|nova|titan|smol|\d+b\b|model",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Guess:
    """A layout, what a person should look at, and the columns that hold nothing known."""

    layout: Layout
    doubts: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    roles: Mapping[str, str] = field(default_factory=dict)  # column -> what it holds, in words


def guess(columns: list[str], sample: list[Record], said: Mapping[str, str]) -> Guess:
    """Return what the columns hold, going by their names and first values; `said` holds what the user said of some.

    `said` maps a column to a role of a task ("prompt", "reference", ...), to "MODEL:quality", "MODEL:response" and so
    on, or to "ignore".

    Raises:
        UsageError: if `said` names an unknown role, or no prompt or no model can be found.
    """
    task, models = _said(said)
    open_columns = [column for column in columns if column not in said]
    long = MODEL in task or any(_plain(column) in MODEL_NAMES for column in open_columns)
    doubts = [*_task_columns(open_columns, task, long), *_prompt_by_length(open_columns, sample, task)]
    rest = [column for column in open_columns if column not in task.values()]
    if long:
        for column in rest:
            if (measure := _MEASURE_OF.get(_plain(column))) and measure not in task:
                task[measure] = column
    else:
        doubts += _model_columns(rest, sample, models)
    _require(columns, task, models)
    roles = {column: name for name, column in task.items()}
    roles |= {column: f"{name} of {model}" for model, own in models.items() for name, column in own.items()}
    left = tuple(column for column in columns if column not in roles)
    return Guess(Layout(task, models), tuple(doubts), left, roles)


def _plain(column: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", column.strip().lower()).strip("_")


def _said(said: Mapping[str, str]) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    task: dict[str, str] = {}
    models: dict[str, dict[str, str]] = {}
    for column, role in said.items():
        model, _, measure = role.rpartition(":")
        if role in ROLES:
            task[role] = column
        elif model and measure in MEASURES:
            models.setdefault(model, {})[measure] = column
        elif role != IGNORE:
            raise UsageError(
                f"--column {column}={role}: a column holds one of {', '.join(ROLES)}, MODEL:quality, MODEL:response "
                f"(and so on), or {IGNORE}"
            )
    return task, models


def _task_columns(columns: list[str], task: dict[str, str], long: bool) -> list[str]:
    """Find the task's own columns by name; the first name of a list that is there wins."""
    doubts = []
    plain = {_plain(column): column for column in reversed(columns)}
    wanted = {**TASK, MODEL: MODEL_NAMES} if long else TASK
    for role, names in wanted.items():
        found = [plain[name] for name in names if name in plain]
        if role in task or not found:
            continue
        if long and role == "reference":
            found = [
                column for column in found if _plain(column) != "answer"
            ]  # the model's, where rows have one
        if found:
            task[role] = found[0]
        if role == "prompt" and len(found) > 1:
            doubts.append(f"{found[1]!r} might be the prompt as well as {found[0]!r}")
        if found and _plain(found[0]) == "answer":
            doubts.append(f"{found[0]!r} is taken for the right answer, not for a model's")
    return doubts


def _prompt_by_length(columns: list[str], sample: list[Record], task: dict[str, str]) -> list[str]:
    """Where no name says prompt, take the column with the longest texts."""
    if "prompt" in task:
        return []
    free = [column for column in columns if column not in task.values()]
    lengths = {column: sum(len(str(record.values.get(column) or "")) for record in sample) for column in free}
    longest = max(lengths, key=lambda column: lengths[column], default=None)
    if longest is None or lengths[longest] < 10 * len(sample):
        return []
    task["prompt"] = longest
    return [f"no column is called prompt; {longest!r} has the longest texts"]


def _model_columns(columns: list[str], sample: list[Record], models: dict[str, dict[str, str]]) -> list[str]:
    """Find each model's columns: its name with a measure (`gpt_cost`, `score.gpt`), or its bare name."""
    bare = []
    for column in columns:
        model, measure = _split(column)
        if measure is None:
            bare.append(column)
        else:
            models.setdefault(model, {}).setdefault(measure, column)
    doubts = []
    for column in bare:
        own, role = models.get(column, {}), _bare_role(column, sample)
        if role == "response" and not own:
            continue  # any text: a note, a date
        if role is not None and role not in own:
            models.setdefault(column, {})[role] = column
            if not own and not _LIKE_A_MODEL.search(column):
                doubts.append(f"{column!r} holds numbers and is taken for the grades of a model of that name")
    return doubts


def _split(column: str) -> tuple[str, str | None]:
    for ending in _ENDINGS:
        words = ending.replace("_", _BETWEEN)
        if match := re.fullmatch(rf"(.+?){_BETWEEN}{words}\)?", column.strip(), re.IGNORECASE):
            return match[1].rstrip("( "), _MEASURE_OF[ending]
        if match := re.fullmatch(rf"{words}{_BETWEEN}(.+)", column.strip(), re.IGNORECASE):
            return match[1], _MEASURE_OF[ending]
    return column, None


def _bare_role(column: str, sample: list[Record]) -> str | None:
    values = [value for record in sample if (value := record.values.get(column)) not in (None, "")]
    if not values:
        return None
    for looks_right in (is_grade, _is_number):
        if 2 * sum(map(looks_right, values)) >= len(values):  # some may be broken
            return "quality"
    return "response" if all(isinstance(value, str) for value in values) else None


def _is_number(value: object) -> bool:
    try:
        return number(value, "value") is not None
    except Unreadable:
        return False


def _require(columns: list[str], task: Mapping[str, str], models: Mapping[str, Mapping[str, str]]) -> None:
    if "prompt" not in task:
        raise UsageError(
            f"no column holds the prompt; say --column NAME=prompt (the columns are {listed(columns, 20)})"
        )
    if not models and MODEL not in task:
        raise UsageError(
            "no column holds a model's grades or answers; say --column NAME=MODEL:quality or NAME=MODEL:response "
            f"(the columns are {listed(columns, 20)})"
        )
