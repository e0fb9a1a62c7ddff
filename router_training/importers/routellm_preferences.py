"""RouteLLM's preference data (JSON): which of two models gave the better answer (`model_a`, `model_b`, `winner`).

The winner's quality is 1, the loser's 0, both get 0.5 for a tie; two bad answers get 0 each. The prompt is in `prompt`, or
in the chat `conversation_a` as Chatbot Arena writes it. RouteLLM's own training file names prompts by `idx` only: give
the prompts, a JSON list in that order, with --prompts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from router_training.contract import UsageError
from router_training.importing.cells import Cell, Cells, Choices
from router_training.importing.records import LOGS, Record, Rejected, read_records

WORTH = {
    "model_a": (1.0, 0.0),
    "model_b": (0.0, 1.0),
    "tie": (0.5, 0.5),
    "tie (bothbad)": (0.0, 0.0),
}


def cells(path: Path, choices: Choices) -> Cells:
    """Yield two cells per comparison."""
    prompts = None if choices.prompts is None else _prompts(choices.prompts)
    for record in read_records(path, LOGS):
        if isinstance(record, Rejected):
            yield record
        else:
            yield from _pair(record, prompts)


def _pair(record: Record, prompts: list[Any] | None) -> Cells:
    given = record.values
    worth = WORTH.get(str(given.get("winner")))
    if worth is None:
        yield Rejected(record.place, f"winner is {given.get('winner')!r}, not one of {', '.join(WORTH)}")
        return
    prompt = _prompt(given, prompts)
    for side, quality in zip("ab", worth, strict=True):
        fields = {
            "prompt": prompt,
            "model": given.get(f"model_{side}"),
            "quality": quality,
            "label_source": "human",
        }
        yield Cell(record.place, fields | {"response": _response(given, side)})


def _prompt(given: Mapping[str, Any], prompts: list[Any] | None) -> Any:
    index = given.get("idx")
    if prompts is not None and isinstance(index, int) and 0 <= index < len(prompts):
        return prompts[index]
    return given.get("prompt") or given.get("conversation_a")


def _response(given: Mapping[str, Any], side: str) -> Any:
    chat = given.get(f"conversation_{side}")
    if (
        isinstance(chat, list)
        and chat
        and isinstance(chat[-1], Mapping)
        and chat[-1].get("role") == "assistant"
    ):
        return chat[-1].get("content")
    return given.get(f"response_{side}")


def _prompts(path: Path) -> list[Any]:
    import json

    try:
        prompts = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--prompts {path} is no JSON that can be read ({error}); give a list of prompts"
        ) from error
    if not isinstance(prompts, list):
        raise UsageError(f"--prompts {path} holds a {type(prompts).__name__}, not a list of prompts")
    return prompts
