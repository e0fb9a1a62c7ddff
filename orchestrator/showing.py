"""Whether those who listen have seen words of a call that is not over: what was shown cannot be taken back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import ChatGenerationChunk, GenerationChunk


class OneVoice(BaseCallbackHandler):
    """Stands for a listener who hears words alone, not whose: once one model is heard, no other may go on."""

    run_inline = True


class Shown(BaseCallbackHandler):
    """Listens to one call of a model; `any` turns true with its first words, or the first part of a tool call.

    A listener with an ear for one voice (`is_alone`) is shown tool calls at the end, and whole.
    """

    run_inline = True  # LangChain would find a thread for every token

    def __init__(self, *, is_alone: bool) -> None:
        self.any, self.is_alone = False, is_alone

    def on_llm_new_token(
        self,
        token: str | list[Any],
        *,
        chunk: GenerationChunk | ChatGenerationChunk | None = None,
        **kwargs: Any,
    ) -> None:
        said = chunk.message if isinstance(chunk, ChatGenerationChunk) and not self.is_alone else None
        self.any = self.any or bool(token or getattr(said, "tool_call_chunks", None))

    def on_stream_event(self, event: Mapping[str, Any], **kwargs: Any) -> None:
        self.any = self.any or event["event"] == "content-block-delta"
