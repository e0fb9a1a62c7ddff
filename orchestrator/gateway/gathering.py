"""Chunks of a stream added up to the completion that they are."""

from __future__ import annotations

from typing import Any

from orchestrator.gateway.wire import Chunk, Completion

JOINED = ("content", "refusal", "reasoning_content", "reasoning", "arguments", "name")
"""Texts that arrive in pieces; of any other field the last word counts."""


class Gathered:
    """What a stream has said so far; `is_finished` once every choice has told how it ended."""

    def __init__(self) -> None:
        self.head: dict[str, Any] = {}
        self.choices: dict[int, dict[str, Any]] = {}

    @property
    def is_finished(self) -> bool:
        """Whether every choice has ended."""
        return bool(self.choices) and all(one.get("finish_reason") for one in self.choices.values())

    def add(self, chunk: Chunk) -> None:
        """Add a chunk."""
        self.head |= {key: value for key, value in chunk.items() if key != "choices" and value is not None}
        for part in chunk.get("choices") or ():
            choice = self.choices.setdefault(
                part.get("index", 0), {"message": {"role": "assistant", "content": None}}
            )
            _add_message(choice["message"], part.get("delta") or {})
            for key, value in part.items():
                if key == "logprobs" and value:
                    _add_logprobs(choice.setdefault("logprobs", {}), value)
                elif key != "delta" and value is not None:
                    choice[key] = value

    def completion(self) -> Completion:
        """Return the whole.

        Raises:
            ConnectionResetError: if the stream ended before its answer did.
        """
        if not self.is_finished:
            raise ConnectionResetError("the stream ended before the answer did")
        choices = [{"index": i, **choice} for i, choice in sorted(self.choices.items())]
        return {**self.head, "object": "chat.completion", "choices": choices}


def _add_message(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for key, value in delta.items():
        if value is None:
            continue
        if key == "tool_calls":
            _add_calls(message.setdefault("tool_calls", []), value)
        elif key in JOINED and isinstance(value, str):
            message[key] = (message.get(key) or "") + value
        else:
            message[key] = value


def _add_calls(calls: list[dict[str, Any]], parts: list[dict[str, Any]]) -> None:
    for part in parts:
        place = part.get("index", len(calls))
        while len(calls) <= place:
            calls.append({"type": "function", "function": {"name": "", "arguments": ""}})
        call = calls[place]
        call |= {
            key: value
            for key, value in part.items()
            if key not in ("index", "function") and value is not None
        }
        for key, value in (part.get("function") or {}).items():
            if value is not None:
                call["function"][key] = call["function"].get(key, "") + value


def _add_logprobs(known: dict[str, Any], new: dict[str, Any]) -> None:
    for key, value in new.items():
        known[key] = [*(known.get(key) or ()), *value] if isinstance(value, list) else value
