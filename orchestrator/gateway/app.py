"""The application: routes, limits and errors wired around one `Service`."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from orchestrator.gateway.errors import answer_errors
from orchestrator.gateway.service import Service


def create_app(service: Service, *routers: APIRouter) -> FastAPI:
    """Return the gateway over a service; `routers` are served besides its own routes.

    Routes find the service as `request.app.state.service`.
    """
    app = FastAPI(title="Pointsman", docs_url="/docs", redoc_url=None)
    app.state.service = service
    answer_errors(app)
    for router in routers:
        app.include_router(router)
    return app
