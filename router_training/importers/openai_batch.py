"""OpenAI's batch output (JSONL), of chat completions and of responses; the prompts stand in the batch's input.

Give the input with --prompts, or a folder that holds both. Lines with a `method` are requests, others answers. Equal
prompts are one task, whatever their custom_id, so that batches of several models join. A model is called as the request
calls it (gpt-4o), not as the answer does (gpt-4o-2024-08-06). Nothing is graded yet.

Known from its documentation (BatchRequestInput and BatchRequestOutput of the API reference, OpenAPI 2.3.0), not from a
batch of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from router_training.importing.cells import Cell, Cells, Choices
from router_training.importing.records import LOGS, Record, Rejected, read_records


def cells(path: Path, choices: Choices) -> Cells:
    """Yield one cell per answer; a failed request is a cell with an error."""
    prompts: dict[tuple[str, str], Any] = {}
    for source in filter(None, (choices.prompts, path)):
        for record in read_records(source, LOGS):
            if isinstance(record, Record) and "method" in record.values:
                asked = _mapping(record.values.get("body"))
                key = (_id(record), str(asked.get("model")))
                prompts[key] = prompts[_id(record), ""] = next(
                    (asked[name] for name in ("messages", "input", "prompt") if name in asked), None
                )
    for record in read_records(path, LOGS):
        if isinstance(record, Rejected):
            yield record
        elif "method" not in record.values:
            yield _cell(record, prompts)


def _cell(record: Record, prompts: Mapping[tuple[str, str], Any]) -> Cell | Rejected:
    answer = _mapping(record.values.get("response"))
    body = _mapping(answer.get("body"))
    name = _id(record)
    model = _asked_model(name, body.get("model"), prompts)
    if (name, "") not in prompts:
        return Rejected(
            record.place, f"custom_id {name!r} has no prompt; give the batch's input with --prompts"
        )
    usage = _mapping(body.get("usage"))
    fields = {
        "prompt": prompts.get((name, str(model)), prompts[name, ""]),
        "model": model,
        "response": body,
        "prompt_tokens": usage.get("prompt_tokens", usage.get("input_tokens")),
        "completion_tokens": usage.get("completion_tokens", usage.get("output_tokens")),
        "error": _error(record.values.get("error"), answer, body),
        "time": _time(body.get("created", body.get("created_at"))),
    }
    return Cell(record.place, fields)


def _id(record: Record) -> str:
    return str(record.values.get("custom_id"))


def _asked_model(name: str, answered: Any, prompts: Mapping[tuple[str, str], Any]) -> str | None:
    """Return the model as the request calls it: the one that was asked, of several the one that the answer's begins with.

    None where a failed request could be of several models: its answer names none.
    """
    asked = [model for known, model in prompts if known == name and model]
    fitting = [model for model in asked if str(answered).startswith(model)] if answered else asked
    if fitting and answered:
        return max(fitting, key=len)
    return answered or (asked[0] if len(asked) == 1 else None)


def _error(error: Any, answer: Mapping[str, Any], body: Mapping[str, Any]) -> str | None:
    status = answer.get("status_code", 200)
    failed = _mapping(error) or _mapping(body.get("error"))
    if not failed and status == 200:
        return None
    said = failed.get("message") or failed.get("code") or "no reason given"
    return f"{said} (HTTP {status})" if status != 200 else str(said)


def _time(seconds: Any) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat() if isinstance(seconds, int | float) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
