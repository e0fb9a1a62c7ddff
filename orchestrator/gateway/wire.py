"""What endpoints say, word for word, carried past the graph to the caller who waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

Chunk = dict[str, Any]
Completion = dict[str, Any]


class Wire:
    """One request's line from the endpoints to its caller.

    `begun` names the models that were asked, and `completions` holds what their endpoints said, in OpenAI's words. On a live line the first call that
    says something owns the caller's ear: no other call is heard, for what was shown cannot be taken back.
    """

    def __init__(self, *, is_live: bool = False) -> None:
        self.is_live = is_live
        self.begun: list[str] = []
        self.completions: dict[str, Completion] = {}
        self.owner: str | None = None
        self.is_broken = False
        self.characters = 0
        self._chunks: asyncio.Queue[Chunk | None] = asyncio.Queue()

    def keep(self, model: str, completion: Completion) -> None:
        """Keep what a model's endpoint said."""
        self.completions[model] = completion

    def is_free(self) -> bool:
        """Tell whether a call that starts now may be heard."""
        return self.is_live and self.owner is None

    def take(self, model: str) -> bool:
        """Take the line for a call of this model; tell whether it was free."""
        if not self.is_free():
            return False
        self.owner = model
        return True

    def say(self, chunk: Chunk) -> None:
        """Let the caller hear a chunk of the call that took the line."""
        self.characters += sum(_written(choice) for choice in chunk.get("choices") or ())
        self._chunks.put_nowait(chunk)

    def hang_up(self, *, is_broken: bool = False) -> None:
        """End what the caller hears; a broken line ended before the answer did."""
        self.is_broken = self.is_broken or is_broken
        self._chunks.put_nowait(None)

    async def hear(self) -> Chunk | None:
        """Return the next thing that the caller hears, None once somebody has hung up."""
        return await self._chunks.get()


def says_something(chunk: Mapping[str, Any]) -> bool:
    """Tell whether a chunk holds any part of an answer: words, a call of a tool, an end."""
    return any(
        choice.get("finish_reason") or any(choice.get("delta", {}).get(key) for key in SPOKEN)
        for choice in chunk.get("choices") or ()
    )


SPOKEN = ("content", "tool_calls", "function_call", "refusal", "reasoning_content", "reasoning", "audio")


def _written(choice: Mapping[str, Any]) -> int:
    delta = choice.get("delta") or {}
    calls = delta.get("tool_calls") or ()
    return len(str(delta.get("content") or "")) + sum(
        len(str((call.get("function") or {}).get("arguments") or "")) for call in calls
    )
