"""What no client may take from the others: memory, time, and turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.gateway.errors import ApiError
from orchestrator.settings import Settings

BUFFERED_BYTES = 256_000_000
SEND_S = 60.0
RETRY = {"Retry-After": "1"}
FREE = ("/healthz", "/readyz", "/metrics", "/v1/pointsman/live", "/v1/feedback", "/")
"""Paths that are answered at once however many requests wait."""


class Turns:
    """Lets `concurrency` requests in at once and `queue` more wait, each for at most `queue_s`."""

    def __init__(self, settings: Settings) -> None:
        self._queue, self._queue_s = settings.queue, settings.queue_s
        self._slots = asyncio.Semaphore(settings.concurrency)
        self.waiting = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and give it back.

        Raises:
            ApiError: 503 where too many wait, or this one has waited too long.
        """
        if not self._slots.locked():
            await self._slots.acquire()  # at once
        else:
            await self._wait()
        try:
            yield
        finally:
            self._slots.release()

    async def _wait(self) -> None:
        if self.waiting >= self._queue:
            raise ApiError(503, "too many requests wait; try again in a moment", "overloaded", headers=RETRY)
        self.waiting += 1
        try:
            async with asyncio.timeout(self._queue_s):
                await self._slots.acquire()
        except TimeoutError as error:
            raise ApiError(
                503, f"no turn within {self._queue_s:g} s; try again", "overloaded", headers=RETRY
            ) from error
        finally:
            self.waiting -= 1


class Limits:
    """Reads a request's body, within `body_bytes` and `body_s`, before its turn comes; then the application answers.

    A client that does not read its answer for SEND_S loses it.
    """

    def __init__(self, app: ASGIApp, settings: Settings, told: Callable[[ApiError], object] = bool) -> None:
        self._app, self._settings, self._told = app, settings, told
        self._turns: Turns | None = None
        self._buffered = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = bytearray()
        try:
            await self._read(scope, receive, body)
            await self._answer(scope, _Replayed(bytes(body), receive), _Patient(send))
        except ApiError as error:
            self._told(error)
            await error.response()(scope, receive, send)
        except _HungUp:
            return
        finally:
            self._buffered -= len(body)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in FREE:
            await self._app(scope, receive, send)
            return
        self._turns = self._turns or Turns(self._settings)
        async with self._turns.turn():
            await self._app(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive, body: bytearray) -> None:
        """Read the whole body.

        Raises:
            ApiError: 413 where it is too large, 408 where it comes too slowly, 503 where there is no room for it.
        """
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self._settings.body_bytes:
            raise self._too_large()
        try:
            async with asyncio.timeout(self._settings.body_s):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _HungUp
                    part = message.get("body", b"")
                    body += part
                    self._buffered += len(part)
                    if len(body) > self._settings.body_bytes:
                        raise self._too_large()
                    if self._buffered > BUFFERED_BYTES:
                        raise ApiError(503, "too many large requests at once", "overloaded", headers=RETRY)
                    if not message.get("more_body", False):
                        return
        except TimeoutError as error:
            close = {"Connection": "close"}
            raise ApiError(408, "the body came too slowly", "request_timeout", headers=close) from error

    def _too_large(self) -> ApiError:
        most = self._settings.body_bytes
        return ApiError(
            413, f"the body is larger than {most:,} bytes", "body_too_large", headers={"Connection": "close"}
        )


class _HungUp(Exception):  # it ends a request, and is no error
    """Raised where the client has gone before its request was complete."""


class _Replayed:
    """A `receive` that begins with a body which has been read."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Patient:
    """A `send` that waits for slow readers, but not forever."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":  # goes out with the first part of the body
            await self._send(message)
            return
        async with asyncio.timeout(SEND_S):
            await self._send(message)
