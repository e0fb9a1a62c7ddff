"""What the routes share: the router in use, the graphs over it, who is let in, and who is told."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from orchestrator.gateway.callers import Gate, OpenGate, Served, Watcher
from orchestrator.settings import Settings

logger = logging.getLogger(__name__)


@dataclass
class Service:
    """The state of one gateway process; a hot reload replaces `routing` as a whole, requests keep the one they began with."""

    settings: Settings
    gate: Gate = field(default_factory=OpenGate)
    watchers: list[Watcher] = field(default_factory=list)

    def tell(self, served: Served) -> None:
        """Tell every watcher of a request; one that fails costs nobody an answer."""
        for watcher in self.watchers:
            try:
                watcher(served)
            except Exception:
                logger.exception("a watcher failed; the answer is not affected")
