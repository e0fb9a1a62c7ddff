"""`/v1/chat/completions` and `/v1/models`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from orchestrator.gateway import answers
from orchestrator.gateway.answers import Json
from orchestrator.gateway.direct_route import DirectRoute
from orchestrator.gateway.errors import ApiError
from orchestrator.gateway.exchange import HUNG_UP, Exchange, or_hang_up
from orchestrator.gateway.openai_schema import ChatRequest, body_of, schema_of
from orchestrator.gateway.service import Service
from orchestrator.gateway.streaming import Stream
from orchestrator.gateway.wire import Completion

router = APIRouter(tags=["OpenAI"])
answering = APIRouter(tags=["OpenAI"], route_class=DirectRoute)
SSE = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


@answering.post("/v1/chat/completions", openapi_extra=schema_of(ChatRequest))
async def chat_completions(request: Request) -> Response:
    """Answer a conversation by the model that the router chooses, or by the one that is named."""
    service: Service = request.app.state.service
    caller = await service.gate.admit(request.headers)
    given = await body_of(request, ChatRequest)
    return await (stream if given.stream else whole)(request, Exchange.begin(request, caller, given))


async def whole(request: Request, exchange: Exchange) -> Response:
    """Return the answer in one piece."""
    try:
        completion, about = await finished(request, exchange)
    except ConnectionResetError:
        return Response(status_code=HUNG_UP)
    return Json({**completion, "pointsman": about}, headers=answers.headers_of(about))


async def finished(request: Request, exchange: Exchange) -> tuple[Completion, dict[str, Any]]:
    """Return the completion of an exchange, and what only we know of it.

    Raises:
        ApiError: if no model answered.
        ConnectionResetError: if the client hung up.
    """
    with exchange.accounted():
        state = await or_hang_up(request, exchange.answer())
        completion = exchange.completion(state)
        exchange.tell(200, state)
    return completion, exchange.ours(state)


async def stream(request: Request, exchange: Exchange) -> Response:
    """Return the answer as server-sent events, once it is known that there is one."""
    events = Stream(exchange)
    await events.begin()
    headers = {**SSE, "x-request-id": exchange.trace_id, "x-pointsman-strategy": exchange.strategy}
    return StreamingResponse(events.lines(), media_type="text/event-stream", headers=headers)


@router.get("/v1/models")
async def models(request: Request) -> Json:
    """List what may be asked for: `auto` and every model by name."""
    service: Service = request.app.state.service
    caller = await service.gate.identify(request.headers)
    cards = [name for name in service.router.cards if caller.models is None or name in caller.models]
    return Json({"object": "list", "data": [_model(name) for name in ("auto", *cards)]})


@router.get("/v1/models/{model:path}")
async def model(request: Request, model: str) -> Json:
    """Tell of one model."""
    service: Service = request.app.state.service
    caller = await service.gate.identify(request.headers)
    known = model in service.router.cards and (caller.models is None or model in caller.models)
    if model != "auto" and not known:
        raise ApiError(404, f"there is no model {model!r}", "model_not_found", "model")
    return Json(_model(model))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "pointsman"}
