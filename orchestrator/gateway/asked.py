"""What a request asks of routing: read from its `model`, its headers and its `pointsman` field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from orchestrator.gateway.errors import ApiError, bad_request, invalid
from orchestrator.gateway.openai_schema import Ours

AUTO = re.compile(r"auto(?::(?P<dial>[^/]+))?(?:/(?P<strategy>.+))?", re.DOTALL)
DIALS = {"cost": 0.5, "balanced": 0.8, "quality": 1.0}
HEADER = "x-pointsman-"
NUMBERS = {"dial": float, "max_usd": float, "deadline_s": float, "min_quality": float, "max_attempts": int}
LISTS = ("allow", "deny")
LIMITS = ("dial", "max_usd", "deadline_s", "max_attempts", "min_quality", "allow", "deny", "task_type")


@dataclass(frozen=True, slots=True)
class Asked:
    """How to route: by `strategy` (None: the gateway's own), or to `direct`, one model by name.

    `limits` are keys of `nodes.Request`.
    """

    model: str
    strategy: str | None = None
    direct: str | None = None
    conversation: str | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)


def asked(model: str, headers: Mapping[str, str], ours: Ours | None) -> Asked:
    """Return what is asked; the body wins over headers, and those over the name of the model.

    Raises:
        ApiError: if the name or a header cannot be read.
    """
    given = {**_from_headers(headers), **(ours.model_dump(exclude_none=True) if ours else {})}
    if (auto := AUTO.fullmatch(model)) is None:
        limits = {key: given[key] for key in LIMITS if key in given}
        return Asked(model, None, model, given.get("conversation"), {**limits, "allow": [model]})
    if (dial := auto["dial"]) is not None:
        given = {"dial": _dial(dial), **given}
    if auto["strategy"] is not None:
        given = {"strategy": auto["strategy"], **given}
    limits = {key: given[key] for key in LIMITS if key in given}
    return Asked(model, given.get("strategy"), None, given.get("conversation"), limits)


def _dial(text: str) -> float:
    try:
        dial = DIALS[text] if text in DIALS else float(text)
    except ValueError:
        dial = -1.0
    if not 0.0 <= dial <= 1.0:
        raise bad_request(
            f"model is auto:{text[:40]}; after the colon stands a dial from 0 to 1, or one of {', '.join(DIALS)}",
            "model",
            "model_not_found",
        )
    return dial


def _from_headers(headers: Mapping[str, str]) -> dict[str, Any]:
    """Return our fields from headers such as `x-pointsman-max-usd`.

    Raises:
        ApiError: if one is unknown or cannot be read.
    """
    found = {
        key[len(HEADER) :].replace("-", "_"): text for key, text in headers.items() if key.startswith(HEADER)
    }
    if not found:
        return {}
    try:
        read = {key: _read(key, text) for key, text in found.items()}
        return Ours.model_validate(read).model_dump(exclude_none=True)
    except ValidationError as error:
        raise _in_header(invalid(error.errors(include_url=False, include_input=False))) from error
    except ValueError as error:
        raise bad_request(f"a header {HEADER}... holds no number: {error}") from error


def _read(key: str, text: str) -> Any:
    if key in LISTS:
        return [name.strip() for name in text.split(",") if name.strip()]
    return NUMBERS.get(key, str)(text)


def _in_header(error: ApiError) -> ApiError:
    name = HEADER + (error.param or "").replace("_", "-")
    return bad_request(f"header {name}: {error.message.partition(': ')[2] or error.message}", name)
