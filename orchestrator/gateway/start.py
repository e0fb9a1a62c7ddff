"""The running gateway: everything put together, and served by uvicorn."""

from __future__ import annotations

import asyncio
import logging.config
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, cast

import aiohttp
import uvicorn
from fastapi import FastAPI

from orchestrator.gateway.access import KeyGate, check_binding
from orchestrator.gateway.accounts import Accounts
from orchestrator.gateway.app import create_app
from orchestrator.gateway.drifting import drift_readings
from orchestrator.gateway.errors import ApiError
from orchestrator.gateway.keys import Keys
from orchestrator.gateway.live import Live, live_routes
from orchestrator.gateway.logs import FailureLog, KeyLog, log_config
from orchestrator.gateway.metrics import Metrics, metrics_routes
from orchestrator.gateway.opening import Opener
from orchestrator.gateway.page import page_routes
from orchestrator.gateway.privacy import Privacy
from orchestrator.gateway.protocol import PatientProtocol
from orchestrator.gateway.readings import Reading
from orchestrator.gateway.reloading import Reloader
from orchestrator.gateway.service import Service
from orchestrator.gateway.shadows import shadows_of
from orchestrator.gateway.traces import Traces
from orchestrator.health import Health
from orchestrator.settings import HANDED_OVER, Settings
from router_training.contract import RequestRecord
from router_training.drift import Figure

logger = logging.getLogger(__name__)

SWITCH_S = 0.0005
"""How long the event loop keeps the interpreter from the thread that encodes, which asks for it at every text."""


def assembled(settings: Settings, environment: Mapping[str, str]) -> FastAPI:
    """Return the gateway as the settings say, with its router loaded.

    Raises:
        PointsmanError: if there is nothing to serve, or something cannot be read.
    """
    health, privacy = Health(), cast(Privacy, settings.log)
    accounts = Accounts(settings.keys)
    check_binding(settings.host, guarded=Keys(accounts).configured())
    traces = Traces(settings.spool, privacy, settings.traces, settings.spool_bytes // settings.workers)
    service = Service(settings, gate=KeyGate(accounts), traces=traces)
    traces.on_judged = partial(heard_again, service)
    worker = str(os.getpid()) if settings.workers > 1 else ""
    metrics = Metrics(
        breakers=health.states,
        queued=lambda: traces.waiting,
        worker=worker,
        demoted=lambda: service.routing is not None and service.routing.is_demoted,
        readings=readings_of(service, traces),
    )
    live = Live(privacy=privacy)
    failures = FailureLog()
    service.watchers += [metrics, live, failures]
    service.on_error = partial(_erred, metrics, failures)
    service.shadows = shadows_of(settings, accounts, traces, metrics.shadowed)
    opener = Opener(settings, service.session, environment, health, traces, service.shadows)
    keys = KeyLog(Keys(accounts).all)
    reloader = Reloader(service, opener, lambda taken: metrics.reloaded("router", taken=taken), keys.look)
    reloader.start()

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(reloader.look_always(settings.reload_s)),
            asyncio.create_task(traces.confirm_always()),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*tasks, return_exceptions=True)

    return create_app(
        service,
        metrics_routes(metrics),
        live_routes(live, lambda: about(service, health)),
        page_routes(),
        running=running,
    )


def _erred(metrics: Metrics, failures: FailureLog, error: ApiError) -> None:
    metrics.erred(error)
    failures.at_the_door(error)


def drift_of(service: Service) -> tuple[Figure, ...]:
    """Return the figures of drift of the router in use; none where there is none, or it forecasts by roles."""
    drifting = None if service.routing is None else service.routing.drifting
    return () if drifting is None else drifting.figures()


def heard_again(service: Service, record: RequestRecord) -> None:
    """Let the router in use know what was said of an answer after it was given."""
    if service.routing is not None and service.routing.drifting is not None:
        service.routing.drifting.again(record)


def readings_of(service: Service, traces: Traces) -> tuple[Reading, ...]:
    """Return the figures of a gateway that are read when Prometheus asks."""

    def passed_over() -> Mapping[str, float]:
        return {} if service.shadows is None else service.shadows.passed_over.copy()

    said = "Second answers that chance would have asked for, and that were not: budget, busy, unavailable."
    return (
        *drift_readings(lambda: drift_of(service)),
        Reading("shadow_passed_over", said, passed_over, "reason", only_grows=True),
        Reading(
            "feedback_refused",
            "Finished requests that were not kept: the backlog was full, or the disk.",
            lambda: traces.refused,
            "reason",
            only_grows=True,
        ),
        Reading(
            "feedback_backlog_bytes",
            "Bytes in the spool that wait for `pointsman collect`, and the most that may.",
            lambda: traces.backlog,
            "what",
        ),
    )


def about(service: Service, health: Health) -> dict[str, Any]:
    """Return who serves, for the page."""
    routing = service.router
    return {
        "champion": routing.serving(),
        "promise": None if routing.policy is None else routing.policy.promise_status(routing.dial).sentence,
        "reference": routing.reference,
        "breakers": {name: state.name for name, state in health.states().items()},
    }


def say_who_is_served(settings: Settings) -> None:
    """Log who may ask: those with a key, or this machine alone.

    Raises:
        UsageError: if there is no key, and the host is no loopback address.
    """
    accounts = Accounts(settings.keys)
    guarded = Keys(accounts).configured()
    accounts.close()
    check_binding(settings.host, guarded=guarded)
    logger.warning(
        "only requests with an API key are served (pointsman keys list)"
        if guarded
        else "no API key was made, so only this machine is served; `pointsman keys add NAME` makes one"
    )


def from_environment() -> FastAPI:
    """Return the gateway of a worker process, whose parent has handed over the settings."""
    sys.setswitchinterval(SWITCH_S)
    settings = Settings.from_json(os.environ[HANDED_OVER])
    return assembled(settings, settings.surroundings(os.environ))


def serve(settings: Settings) -> None:
    """Serve until told to stop; then no new request is taken, and those under way are finished.

    Raises:
        PointsmanError: if there is nothing to serve, or something cannot be read.
    """
    environment, log = settings.surroundings(os.environ), log_config()
    logging.config.dictConfig(log)
    say_who_is_served(settings)
    options: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "log_level": "info",
        "log_config": log,
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,  # nothing here reads the address of a client
        "timeout_graceful_shutdown": int(settings.drain_s),
        "http": PatientProtocol,
        "backlog": 4096,
    }
    if settings.workers == 1:
        sys.setswitchinterval(SWITCH_S)
        uvicorn.run(assembled(settings, environment), **options)
        return
    # a worker that cannot start is started again and again: what is wrong is said here, once
    Opener(settings, aiohttp.ClientSession, environment, Health()).open()
    os.environ[HANDED_OVER] = settings.to_json()
    uvicorn.run(
        "orchestrator.gateway.start:from_environment", factory=True, workers=settings.workers, **options
    )
