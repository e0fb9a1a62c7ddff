"""Hot reload: a new champion or models file serves within seconds; a broken one is refused and the old one stays."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from orchestrator.gateway.opening import Mark, Opener
from orchestrator.gateway.routing import Routing
from orchestrator.gateway.service import Service
from router_training.contract import PointsmanError

logger = logging.getLogger(__name__)


class Reloader:
    """Looks for changes and takes them; `report` is told of each whether it was taken, `beside` looks each time too."""

    def __init__(
        self,
        service: Service,
        opener: Opener,
        report: Callable[[bool], object] = bool,
        beside: Callable[[], object] = bool,
    ) -> None:
        self._service, self._opener, self._report, self._beside = service, opener, report, beside
        self._mark: Mark | None = None

    def start(self) -> None:
        """Open what is to serve.

        Raises:
            PointsmanError: if it cannot be opened: there is nothing else to serve.
        """
        self._mark = self._opener.mark()
        self._service.routing = self._opener.open()
        logger.info("serving %s", _named(self._service.routing))

    def look(self) -> None:
        """Take what has changed since the last look; requests under way end with the router they began with."""
        try:
            mark = self._opener.mark()
        except PointsmanError as error:
            logger.warning("cannot look for a new router: %s", error)
            return
        if mark == self._mark:
            return
        self._mark = mark  # what is broken is tried again once it has changed again
        try:
            routing = self._opener.open()
        except PointsmanError as error:
            logger.error("refused, the old router stays: %s", error)
            self._report(False)
            return
        before, self._service.routing = self._service.routing, routing
        logger.info(
            "now serving %s; before: %s", _named(routing), "nothing" if before is None else before.origin
        )
        self._report(True)

    async def look_always(self, every_s: float) -> None:
        """Look again and again, beside the event loop, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            await asyncio.to_thread(self.look)
            await asyncio.to_thread(self._beside)


def _named(routing: Routing) -> str:
    return f"{routing.origin}, with the models {', '.join(routing.cards)}"
