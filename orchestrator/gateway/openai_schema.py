"""What may be asked, in OpenAI's words; every field not named here is passed on to the endpoint as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from orchestrator.gateway.errors import bad_request, invalid

T = TypeVar("T", bound=BaseModel)
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Amount = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Names = list[Name]


class Ours(BaseModel):
    """What only Pointsman reads: `extra_body={"pointsman": {...}}` of OpenAI's client."""

    model_config = ConfigDict(extra="forbid", strict=True)

    dial: Share | None = None
    max_usd: Amount | None = None
    deadline_s: Amount | None = None
    max_attempts: Annotated[int, Field(ge=1)] | None = None
    min_quality: Share | None = None
    strategy: Name | None = None
    task_type: Name | None = None
    conversation: Name | None = None
    allow: Names | None = None
    deny: Names | None = None


class StreamOptions(BaseModel):
    """How to stream."""

    model_config = ConfigDict(extra="allow")

    include_usage: bool | None = None


class ChatRequest(BaseModel):
    """A request for a chat completion."""

    model_config = ConfigDict(extra="allow", strict=True)

    model: Name
    messages: list[dict[str, Any]]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    temperature: float | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    response_format: dict[str, Any] | None = None
    pointsman: Ours | None = None

    def passed_on(self) -> dict[str, Any]:
        """Return the fields that the endpoint gets as they are."""
        return self.model_dump(exclude_unset=True, exclude=READ_HERE)


READ_HERE = {"model", "messages", "stream", "stream_options", "tools", "tool_choice", "pointsman"}


async def body_of(request: Request, kind: type[T]) -> T:
    """Return the body of a request.

    Raises:
        ApiError: if it is not JSON of this kind.
    """
    try:
        return kind.model_validate_json(await request.body())
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False)) from error
    except (UnicodeError, RecursionError) as error:
        raise bad_request("the body is no JSON that can be read") from error


def schema_of(kind: type[BaseModel]) -> dict[str, Any]:
    """Return what the API's own description says of a body that a route reads by itself."""
    schema = kind.model_json_schema()
    whole = _inlined(schema, schema.pop("$defs", {}))
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": whole}}}}


def _inlined(part: Any, definitions: Mapping[str, Any]) -> Any:
    """Return a schema with each of its definitions, none of which holds itself, where it is referred to."""
    if isinstance(part, list):
        return [_inlined(one, definitions) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _inlined(definitions[part["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(value, definitions) for key, value in part.items()}
