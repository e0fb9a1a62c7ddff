"""uvicorn's HTTP protocol, but a client that does not finish its headers is not waited for."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 10.0
HEAD_BYTES = 65_536


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose next request is not complete to the end of its headers within HEAD_S or HEAD_BYTES."""

    _late: asyncio.TimerHandle | None = None
    _unread = 0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._expect()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._is_waiting():
            self._forget()
            return
        self._unread += len(data)
        if self._unread > HEAD_BYTES:
            self._close()
        elif self._late is None:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def _is_waiting(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect(self) -> None:
        self._late = self.loop.call_later(HEAD_S, self._close)

    def _forget(self) -> None:
        self._unread = 0
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _close(self) -> None:
        self._forget()
        if self._is_waiting() and not self.transport.is_closing():
            self.transport.close()
