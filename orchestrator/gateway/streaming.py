"""An answer as server-sent events: as it is written where nothing checks it, else whole once it is found good."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from orchestrator.gateway.answers import dumped
from orchestrator.gateway.errors import ApiError
from orchestrator.gateway.exchange import Exchange
from orchestrator.gateway.wire import Chunk, Completion

BEFORE_HEADERS_S = 10.0
ALIVE_S = 15.0
ALIVE = b": still working\n\n"
DONE = b"data: [DONE]\n\n"
BROKEN = ApiError(502, "the model broke off in the middle of its answer; ask again", "upstream_error")


class Stream:
    """The events of one exchange; `begin` waits for the first word, so that a failure before it has its status."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.completion: Completion = {}
        self.about: dict[str, Any] = {}
        self._head: dict[str, Any] = {}
        self._last: Chunk | None = None
        self._task: asyncio.Task[Mapping[str, Any]] | None = None
        self._next: asyncio.Task[Chunk | None] | None = None

    async def begin(self) -> None:
        """Start, and wait until there is something to say, though not forever.

        Raises:
            ApiError: if no model answered.
        """
        with self.exchange.accounted():
            self._task = asyncio.create_task(self.exchange.answer())
            self._task.add_done_callback(lambda _: self.exchange.wire.hang_up())
            self._next = asyncio.create_task(self.exchange.wire.hear())
            try:
                await asyncio.wait((self._next,), timeout=BEFORE_HEADERS_S)
                if self._task.done():
                    self.exchange.completion(self._task.result())
            except BaseException:
                self._stop()
                raise

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield the events of a chat completion; a client that hangs up ends the work for it."""
        try:
            async with aclosing(self.said()) as said:
                async for chunk in said:
                    yield ALIVE if chunk is None else _event(chunk)
            for chunk in self._end():
                yield _event(chunk)
            yield DONE
        except ApiError as error:
            yield _event(error.body())

    async def texts(self) -> AsyncIterator[str]:
        """Yield the text as it is written.

        Raises:
            ApiError: if the answer breaks off.
        """
        is_heard = False
        async with aclosing(self.said()) as said:
            async for chunk in said:
                if text := _text_of(chunk):
                    is_heard = True
                    yield text
        rest = _text_of(self._last) if is_heard else self.completion["choices"][0]["message"].get("content")
        if rest:
            yield rest

    async def said(self) -> AsyncGenerator[Chunk | None]:
        """Yield chunks as they are written, None in long silences; at its end `completion` and `about` are known.

        Raises:
            ApiError: if the answer breaks off.
        """
        exchange = self.exchange
        try:
            with exchange.accounted():
                async for chunk in self._chunks():
                    if chunk is None or (said := self._named(chunk)) is not None:
                        yield None if chunk is None else said
                if exchange.wire.is_broken or self._task is None:
                    raise BROKEN
                state = await self._task
                self.completion, self.about = exchange.completion(state), exchange.ours(state)
                exchange.tell(200, state)
        finally:
            self._stop()

    async def _chunks(self) -> AsyncIterator[Chunk | None]:
        """Yield what the line says, None when it has been silent for long."""
        while True:
            self._next = self._next or asyncio.create_task(self.exchange.wire.hear())
            await asyncio.wait((self._next,), timeout=ALIVE_S)
            if not self._next.done():
                yield None
                continue
            chunk, self._next = self._next.result(), None
            if chunk is None:
                return
            yield chunk

    def _named(self, chunk: Chunk) -> Chunk | None:
        """Return the chunk under our name; the one that ends the answer is kept until all is known about it."""
        exchange = self.exchange
        if exchange.first_token_s is None:
            exchange.first_token_s = time.perf_counter() - exchange.start
        self._head = self._head or self._new_head(exchange.wire.owner)
        said = {key: value for key, value in chunk.items() if key != "usage"} | self._head
        if not said.get("choices"):
            return None
        if any(choice.get("finish_reason") for choice in said["choices"]):
            self._last = said
            return None
        return said

    def _new_head(self, model: str | None) -> dict[str, Any]:
        exchange = self.exchange
        return {
            "id": f"chatcmpl-{exchange.trace_id}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
        }

    def _end(self) -> list[Chunk]:
        """Return the last chunks: what was held back, or all of an answer that was checked, and its usage."""
        self._head = self._head or self._new_head(self.completion["model"])
        chunks = _chunks_of(self.completion, self._head) if self._last is None else [self._last]
        chunks[-1] = {**chunks[-1], "pointsman": self.about}
        options = self.exchange.given.stream_options
        if options is None or not options.include_usage:
            return chunks
        usage = {**self._head, "choices": [], "usage": self.completion.get("usage")}
        return [*({**chunk, "usage": None} for chunk in chunks), usage]

    def _stop(self) -> None:
        for task in (self._task, self._next):
            if task is not None and not task.done():
                task.cancel()


def _chunks_of(completion: Mapping[str, Any], head: Mapping[str, Any]) -> list[Chunk]:
    """Return a whole completion as chunks: for each choice what it says, and how it ended."""
    chunks: list[Chunk] = []
    for choice in completion["choices"]:
        message = {key: value for key, value in choice["message"].items() if value is not None}
        if calls := message.get("tool_calls"):
            message["tool_calls"] = [{"index": i, **call} for i, call in enumerate(calls)]
        said = {"index": choice["index"], "delta": message, "finish_reason": None}
        if choice.get("logprobs"):
            said["logprobs"] = choice["logprobs"]
        end = {"index": choice["index"], "delta": {}, "finish_reason": choice["finish_reason"]}
        chunks += [{**head, "choices": [said]}, {**head, "choices": [end]}]
    return chunks


def _text_of(chunk: Chunk | None) -> str:
    """Return the text that a chunk of one choice adds."""
    return "".join(
        (choice.get("delta") or {}).get("content") or "" for choice in (chunk or {}).get("choices", ())
    )


def _event(content: Mapping[str, Any]) -> bytes:
    return b"data: " + dumped(content) + b"\n\n"
