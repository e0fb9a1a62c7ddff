"""What OpenAI has no words for: a decision without an answer, its reasons, what people think of it; and health."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from orchestrator.gateway.access import allowed_models
from orchestrator.gateway.answers import Json
from orchestrator.gateway.asked import LIMITS
from orchestrator.gateway.errors import ApiError
from orchestrator.gateway.explaining import explained
from orchestrator.gateway.messages import from_openai
from orchestrator.gateway.openai_schema import Ours, body_of, schema_of
from orchestrator.gateway.routing import Routing
from orchestrator.gateway.service import Service
from orchestrator.gateway.traces import Traces
from router_training.contract import RequestRecord, UsageError

router = APIRouter(tags=["Pointsman"])
MOST_PROMPTS = 1_000
Grader = Literal[
    "calendar_date",
    "choice",
    "contains",
    "email_set",
    "exact",
    "exact_case",
    "exact_normalised",
    "list_",
    "numeric",
    "time_of_day",
    "token_f1",
]  # those that take little time on any text, run nothing and read no file
THUMBS = {"up": 1.0, "down": 0.0}
TraceId = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class RouteRequest(Ours):
    """What to decide on: one `prompt`, several `prompts`, or a conversation as `messages`."""

    prompt: str | None = None
    prompts: Annotated[list[str], Field(min_length=1, max_length=MOST_PROMPTS)] | None = None
    messages: list[dict[str, Any]] | None = None

    @model_validator(mode="after")
    def one_of_them(self) -> RouteRequest:
        """Refuse none or several."""
        if sum(given is not None for given in (self.prompt, self.prompts, self.messages)) != 1:
            raise ValueError("give one of prompt, prompts and messages")
        return self


class FeedbackRequest(BaseModel):
    """What is known of an answer: a score from 0 (wrong) to 1 (right), thumbs, or a grader to compare it with what was expected."""

    model_config = ConfigDict(extra="forbid", strict=True)

    trace_id: TraceId
    score: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    thumbs: Literal["up", "down"] | None = None
    grader: Grader | None = None
    expected_response: Annotated[str, StringConstraints(min_length=1, max_length=10_000)] | None = None
    comment: Annotated[str, StringConstraints(max_length=10_000)] = ""

    @model_validator(mode="after")
    def one_of_them(self) -> FeedbackRequest:
        """Refuse none or several, and a grader that has nothing to compare with."""
        judged = (self.score, self.thumbs, self.grader)
        if self.expected_response is not None and judged == (None, None, None):
            raise ValueError(
                "expected_response needs a grader that compares the answer with it: give grader, such as exact, contains "
                "or numeric, or a score or thumbs of your own"
            )
        if sum(given is not None for given in judged) != 1:
            raise ValueError("give one of score, thumbs and grader")
        if self.grader is not None and self.expected_response is None:
            raise ValueError("give expected_response, which the grader compares the answer with")
        return self


@router.post("/v1/route", openapi_extra=schema_of(RouteRequest))
async def route(request: Request) -> Json:
    """Decide which model should answer, and say what is expected of each; none is asked."""
    service: Service = request.app.state.service
    caller = await service.gate.admit(request.headers)
    given = await body_of(request, RouteRequest)
    routing = service.router
    limits = {key: value for key in LIMITS if (value := getattr(given, key)) is not None}
    if caller.models is not None:
        limits["allow"] = [
            name for name in allowed_models(caller, routing.cards) if name in (given.allow or routing.cards)
        ]
    strategy = given.strategy or service.settings.strategy
    if given.messages is not None:
        return Json(await _decided(routing, strategy, {"messages": from_openai(given.messages), **limits}))
    if given.prompt is not None:
        return Json(await _decided(routing, strategy, {"input": given.prompt, **limits}))
    found = [_decided(routing, strategy, {"input": prompt, **limits}) for prompt in given.prompts or ()]
    return Json({"decisions": await asyncio.gather(*found)})


async def _decided(routing: Routing, strategy: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Return one decision in plain form; what each model is worth is in units of certain success.

    Raises:
        UsageError: if the router refuses the request.
    """
    node = routing.decider(strategy)
    state = await node.ainvoke(asked)
    if "refuse" in state["move"]:
        raise UsageError(state["move"]["refuse"])
    decision, dial = state["decision"], state["decision"]["dial"]
    scale = node.usd_scale or max((one["usd"] for one in decision["forecasts"]), default=0.0) or 1.0
    policy = routing.policy
    return {
        "model": decision["model"] or None,
        "strategy": strategy,
        "dial": dial,
        "reason": decision["reason"],
        "forecasts": [
            {**one, "worth": dial * one["p_success"] - (1.0 - dial) * one["usd"] / scale}
            for one in decision["forecasts"]
        ],
        "barred": decision["barred"],
        "router": routing.origin,
        "promise": None if policy is None else policy.promise_status(dial).sentence,
    }


@router.post("/v1/feedback", openapi_extra=schema_of(FeedbackRequest))
async def feedback(request: Request) -> Json:
    """Keep what is known of an answer; it is on disk when this is answered, and teaches the next router."""
    service: Service = request.app.state.service
    await service.gate.identify(request.headers)
    given = await body_of(request, FeedbackRequest)
    traces = traces_of(service)
    if given.grader is not None and given.expected_response is not None:
        score = await traces.compare(given.trace_id, given.expected_response, given.grader)
    else:
        score = THUMBS[given.thumbs] if given.thumbs is not None else given.score or 0.0
        await traces.rate(given.trace_id, score, given.comment, given.expected_response)
    return Json({"trace_id": given.trace_id, "score": score, "kept": True})


@router.get("/v1/explain/{trace_id}")
async def explain(request: Request, trace_id: str) -> Json:
    """Say why a request went where it went, and what would have sent it elsewhere."""
    service: Service = request.app.state.service
    await service.gate.identify(request.headers)
    record = await traces_of(service).find(trace_id)
    return Json(await asyncio.to_thread(_explained, service, record))


def _explained(service: Service, record: RequestRecord) -> dict[str, Any]:
    return explained(record, service.router, service.labelled())


@router.get("/healthz")
async def healthz() -> Json:
    """Tell that the process lives."""
    return Json({"status": "ok"})


@router.get("/readyz")
async def readyz(request: Request) -> Json:
    """Tell whether requests can be answered: a router is loaded, and the process does not shut down."""
    service: Service = request.app.state.service
    if service.is_closing:
        raise ApiError(503, "shutting down", "not_ready")
    return Json({"status": "ready", "router": service.router.origin})


def traces_of(service: Service) -> Traces:
    """Return the finished requests.

    Raises:
        ApiError: 503 where none are kept.
    """
    if service.traces is None:
        raise ApiError(503, "this gateway keeps no requests", "no_traces")
    return service.traces
