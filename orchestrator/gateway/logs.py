"""What `pointsman serve` says on stderr: who serves, which keys there are, and which requests no model answered.

Never a prompt, an answer or a key: of what an endpoint says only the kind of its failure.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from orchestrator.gateway.callers import Served
from orchestrator.gateway.errors import ApiError
from orchestrator.gateway.keys import ApiKey

logger = logging.getLogger(__name__)

AGAIN_S = 60.0
MOST_KINDS = 1_000
OURS = ("orchestrator", "router_training")


def log_config() -> dict[str, Any]:
    """Return uvicorn's settings of the log, with our own lines beside uvicorn's, each with its time."""
    from uvicorn.config import LOGGING_CONFIG  # spares those that log otherwise

    found: dict[str, Any] = deepcopy(LOGGING_CONFIG)
    found["formatters"]["default"]["fmt"] = "%(asctime)s %(levelprefix)s %(message)s"
    for name in OURS:
        found["loggers"][name] = {"handlers": ["default"], "level": "INFO", "propagate": False}
    return found


class FailureLog:
    """Logs requests that no model answered: of what fails alike, one a minute, with the number of the others.

    Args:
        clock: seconds, of a clock that is never set.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: dict[str, tuple[float, int]] = {}

    def __call__(self, served: Served) -> None:
        """Hear of a request that is over."""
        if served.status < 502:
            return
        answer = served.answer
        failed = [one for one in answer.get("attempts") or () if one["failure"] is not None]
        kinds = "; ".join(dict.fromkeys(f"{one['model']}: {one['failure']}" for one in failed))
        if not kinds:
            barred = (answer.get("decision") or {}).get("barred") or {}
            broken = f"{answer.get('model') or 'a model'}: broke off in the middle of its answer"
            kinds = f"no model could be asked, barred: {', '.join(sorted(barred))}" if barred else broken
        self._say(f"{served.status} {kinds}", f"trace {answer.get('trace_id') or 'unknown'}")

    def at_the_door(self, error: ApiError) -> None:
        """Hear of an answer that is an error; those of requests that had begun are heard of otherwise."""
        if error.status == 503 and "x-request-id" not in error.headers:
            self._say(f"503 {error.code}", error.message)

    def _say(self, kind: str, about: str) -> None:
        now = self._clock()
        last_s, silent = self._said.get(kind, (-AGAIN_S, 0))
        if now - last_s < AGAIN_S:
            self._said[kind] = last_s, silent + 1
            return
        if len(self._said) >= MOST_KINDS:
            self._said.clear()
        self._said[kind] = now, 0
        more = f"; {silent:,} more like it since the last such line" if silent else ""
        logger.warning("a request failed with %s (%s)%s", kind, about, more)


class KeyLog:
    """Logs which keys were made and revoked since it last looked, by name."""

    def __init__(self, keys: Callable[[], list[ApiKey]]) -> None:
        self._keys = keys
        self._known = self._now()

    def look(self) -> None:
        """Say what has changed; where the keys cannot be read now, the next look does."""
        try:
            now = self._now()
        except sqlite3.Error as error:
            logger.warning("the keys cannot be read now: %s", error)
            return
        for key_id, (name, is_used) in now.items():
            was_used = self._known.get(key_id, (name, False))[1]
            if is_used != was_used:
                logger.info("the key %r %s", name, "was made" if is_used else "was revoked")
        self._known = now

    def _now(self) -> Mapping[str, tuple[str, bool]]:
        return {key.key_id: (key.name, key.revoked is None) for key in self._keys()}
