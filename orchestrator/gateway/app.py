"""The application: routes, limits and errors wired around one `Service`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from fastapi import APIRouter, FastAPI

from orchestrator.gateway import chat, responses, routes_ours
from orchestrator.gateway.errors import answer_errors
from orchestrator.gateway.limits import Limits
from orchestrator.gateway.service import Service


def create_app(
    service: Service,
    *routers: APIRouter,
    running: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
) -> FastAPI:
    """Return the gateway over a service; `routers` are served besides its own routes, `running` is open meanwhile.

    Routes find the service as `request.app.state.service`.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with running():
            yield
            service.is_closing = True
        await service.close()

    app = FastAPI(title="Pointsman", docs_url="/docs", redoc_url=None, lifespan=lifespan)
    app.add_middleware(Limits, settings=service.settings, told=service.on_error)
    app.state.service = service
    answer_errors(app, service.on_error)
    documents = tuple(app.router.routes)
    for router in (chat.answering, chat.router, responses.router, routes_ours.router, *routers):
        app.include_router(router)
    app.router.routes[:] = [one for one in app.router.routes if one not in documents] + [
        *documents
    ]  # looked at last
    return app
