"""What the page shows: the last requests, and what all of them have cost, saved and come to since the start."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from orchestrator.gateway.callers import Caller, Served
from orchestrator.gateway.privacy import Privacy

ROWS = 60
SHOWN_CHARACTERS = 400
RECENT = 64


@dataclass(frozen=True, slots=True)
class Row:
    """A request that is over, as the page shows it; `number` counts requests since the start."""

    number: int
    time: str
    caller: str | None
    route: str
    asked_for: str
    strategy: str
    status: int
    model: str | None
    asked: tuple[str, ...]
    confidence: float | None
    usd: float
    reference_usd: float | None
    latency_s: float
    first_token_s: float | None
    is_broken_off: bool
    trace_id: str | None
    error: str | None
    prompt: str | None


@dataclass
class Tally:
    """Sums over the requests that one model answered (or none), and how long the latest took."""

    requests: int = 0
    usd: float = 0.0
    reference_usd: float = 0.0
    saved_usd: float = 0.0
    confidence: float = 0.0
    verified: int = 0
    recent_s: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))

    def add(self, row: Row) -> None:
        """Count a request."""
        self.requests += 1
        self.usd += row.usd
        if row.reference_usd is not None:
            self.reference_usd += row.reference_usd
            self.saved_usd += row.reference_usd - row.usd
        if row.confidence is not None:
            self.confidence += row.confidence
            self.verified += 1
        self.recent_s.append(row.latency_s)


class Live:
    """The last requests and running sums of one process, in bounded memory; tell it of each request by calling it.

    Args:
        privacy: prompts are kept only if it is "full".
        now: the clock, in UTC.
    """

    def __init__(
        self, *, privacy: Privacy = "full", now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._privacy, self._now = privacy, now
        self._since = now()
        self._numbers = itertools.count(1)
        self._rows: deque[tuple[str, Row]] = deque(maxlen=ROWS)
        self._tallies: dict[str, dict[str | None, Tally]] = {}  # by caller, then by model

    def __call__(self, served: Served) -> None:
        """Count a request that is over."""
        row = self._row(served)
        caller = _id(served.caller)
        self._rows.append((caller, row))
        self._tallies.setdefault(caller, {}).setdefault(row.model, Tally()).add(row)

    def seen_by(self, caller: Caller) -> dict[str, Any]:
        """Return the last requests and all sums, as plain JSON: of all callers if an operator asks."""
        me = _id(caller)
        theirs = [sums for who, sums in self._tallies.items() if caller.is_operator or who == me]
        rows = [row for who, row in self._rows if caller.is_operator or who == me]
        models = {model for tallies in theirs for model in tallies}
        return {
            "worker": os.getpid(),
            "since": self._since.isoformat(),
            "now": self._now().isoformat(),
            "privacy": self._privacy,
            "whose": "all" if caller.is_operator else caller.name,
            "models": [
                {"model": model, **_sums([tallies[model] for tallies in theirs if model in tallies])}
                for model in sorted(models, key=lambda name: name or "")
            ],
            "requests": [asdict(row) for row in rows],
        }

    def _row(self, served: Served) -> Row:
        answer = served.answer
        model, usd = answer.get("model"), answer.get("usd") or 0.0
        return Row(
            number=next(self._numbers),
            time=self._now().isoformat(timespec="seconds"),
            caller=served.caller.name,
            route=served.route,
            asked_for=served.asked_for,
            strategy=served.strategy,
            status=served.status,
            model=model,
            asked=tuple(str(attempt["model"]) for attempt in answer.get("attempts") or ()),
            confidence=answer.get("confidence") if model else None,
            usd=usd,
            reference_usd=served.reference_usd,
            latency_s=served.latency_s,
            first_token_s=served.first_token_s,
            is_broken_off=served.is_broken_off,
            trace_id=answer.get("trace_id"),
            error=answer.get("error") if self._privacy == "full" else None,
            prompt=served.prompt[:SHOWN_CHARACTERS] if self._privacy == "full" else None,
        )


def _id(caller: Caller) -> str:
    """Return what tells callers apart: names of revoked keys are given away again."""
    return "" if caller.key is None else caller.key.key_id


def _sums(tallies: list[Tally]) -> dict[str, Any]:
    return {
        "requests": sum(tally.requests for tally in tallies),
        "usd": sum(tally.usd for tally in tallies),
        "reference_usd": sum(tally.reference_usd for tally in tallies),
        "saved_usd": sum(tally.saved_usd for tally in tallies),
        "confidence": sum(tally.confidence for tally in tallies),
        "verified": sum(tally.verified for tally in tallies),
        "recent_s": [second for tally in tallies for second in tally.recent_s],
    }


def live_routes(live: Live, about: Callable[[], Mapping[str, Any]] = dict) -> APIRouter:
    """Return the route that the page asks for news.

    Args:
        live: what to show.
        about: what returns who serves: `champion`, `promise`, `reference`, `breakers`, as plain JSON.
    """
    routes = APIRouter()

    @routes.get("/v1/pointsman/live")
    async def news(request: Request, response: Response) -> dict[str, Any]:
        """Return the last requests, and the sums of all since the start, of the worker process that answers."""
        caller = await request.app.state.service.gate.identify(request.headers)
        # the next question then reaches any worker, so that the page comes to know them all
        response.headers["Connection"] = "close"
        return {**live.seen_by(caller), **about()}

    return routes
