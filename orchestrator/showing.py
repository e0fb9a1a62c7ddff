"""Whether those who listen have seen words of a call that is not over: what was shown cannot be taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import ChatGenerationChunk, GenerationChunk


class Shown(BaseCallbackHandler):
    """Listens to one call of a model; `any` turns true with its first words, or the first part of a tool call."""

    run_inline = True  # LangChain would find a thread for every token

    def __init__(self) -> None:
        self.any = False

    def on_llm_new_token(
        self,
        token: str | list[Any],
        *,
        chunk: GenerationChunk | ChatGenerationChunk | None = None,
        **kwargs: Any,
    ) -> None:
        called = chunk.message if isinstance(chunk, ChatGenerationChunk) else None
        self.any = self.any or bool(token or getattr(called, "tool_call_chunks", None))

    def on_stream_event(self, event: Mapping[str, Any], **kwargs: Any) -> None:
        self.any = self.any or event["event"] == "content-block-delta"
