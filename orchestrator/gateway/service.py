"""What the routes share: the router in use, the connections, who is let in, and who is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from orchestrator.gateway.callers import Gate, OpenGate, Served, Watcher
from orchestrator.gateway.conversations import Conversations
from orchestrator.gateway.errors import ApiError
from orchestrator.gateway.nearest import Labelled
from orchestrator.gateway.routing import Routing
from orchestrator.gateway.traces import Traces
from orchestrator.settings import Settings
from orchestrator.shadowing import Shadows

logger = logging.getLogger(__name__)


@dataclass
class Service:
    """The state of one gateway process.

    A hot reload replaces `routing` as a whole; requests keep the one they began with.
    """

    settings: Settings
    routing: Routing | None = None
    gate: Gate = field(default_factory=OpenGate)
    watchers: list[Watcher] = field(default_factory=list)
    conversations: Conversations = field(default_factory=Conversations)
    traces: Traces | None = None
    on_error: Callable[[ApiError], object] = bool
    connections: aiohttp.ClientSession | None = None
    is_closing: bool = False
    shadows: Shadows | None = None
    _labelled: Labelled | None = None

    def session(self) -> aiohttp.ClientSession:
        """Return the connections to all endpoints, made at first use in the running loop."""
        if self.connections is None or self.connections.closed:
            connector = aiohttp.TCPConnector(limit=0, limit_per_host=0, keepalive_timeout=30.0)
            unlimited = aiohttp.ClientTimeout(
                total=None, sock_connect=10.0
            )  # each call has a limit of its own
            nothing_kept = (
                aiohttp.DummyCookieJar()
            )  # what an endpoint tells one caller is no business of the next
            self.connections = aiohttp.ClientSession(
                connector=connector, timeout=unlimited, cookie_jar=nothing_kept
            )
        return self.connections

    @property
    def router(self) -> Routing:
        """The router in use.

        Raises:
            ApiError: 503 while there is none yet.
        """
        if self.routing is None:
            raise ApiError(
                503,
                "no router is loaded yet; try again in a moment",
                "not_ready",
                headers={"Retry-After": "1"},
            )
        return self.routing

    def labelled(self) -> Labelled | None:
        """Return the labelled tasks that explanations show, read at first use; None where none are named.

        Raises:
            DataError: if they cannot be read.
        """
        policy, data = self.router.policy, self.settings.data
        if policy is None or data is None:
            return None
        if self._labelled is None or self._labelled.encoder is not policy.encoder:
            self._labelled = Labelled.load(data, policy.encoder)
        return self._labelled

    def tell(self, served: Served) -> None:
        """Tell every watcher of a request; one that fails costs nobody an answer."""
        for watcher in self.watchers:
            try:
                watcher(served)
            except Exception:
                logger.exception("a watcher failed; the answer is not affected")

    async def close(self) -> None:
        """Close the connections, write down what was spent, and have the disk confirm all feedback."""
        if self.shadows is not None:
            await self.shadows.close()
        if self.connections is not None:
            await self.connections.close()
        await asyncio.to_thread(self.gate.close)
        if self.traces is not None:
            self.traces.close()
