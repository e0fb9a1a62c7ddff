"""The application: routes, limits and errors wired around one `Service`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from orchestrator.gateway import chat
from orchestrator.gateway.errors import answer_errors
from orchestrator.gateway.service import Service


def create_app(service: Service, *routers: APIRouter) -> FastAPI:
    """Return the gateway over a service; `routers` are served besides its own routes.

    Routes find the service as `request.app.state.service`.
    """

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        yield
        await service.close()

    app = FastAPI(title="Pointsman", docs_url="/docs", redoc_url=None, lifespan=running)
    app.state.service = service
    answer_errors(app)
    for router in (chat.router, *routers):
        app.include_router(router)
    return app
