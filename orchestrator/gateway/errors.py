"""Every error as OpenAI writes it: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from router_training.contract import DataError, UsageError

logger = logging.getLogger(__name__)

TYPE_OF_STATUS = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    500: "server_error",
    502: "upstream_error",
    503: "server_error",
    504: "upstream_error",
}


class ApiError(Exception):
    """Raised where a request ends in an error that its caller is told.

    Args:
        status: the HTTP status.
        message: what is wrong and what to do, in a sentence.
        code: a word for programs.
        param: the field that is wrong.
        headers: what the answer carries besides, such as Retry-After.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.headers = dict(headers or {})

    def body(self) -> dict[str, Any]:
        """Return the error as the caller reads it."""
        kind = TYPE_OF_STATUS.get(self.status, "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> JSONResponse:
        """Return the whole answer."""
        return JSONResponse(self.body(), self.status, self.headers)


def bad_request(message: str, param: str | None = None, code: str | None = None) -> ApiError:
    """Return the error for a request that can never succeed as it is."""
    return ApiError(400, message, code, param)


Reader = Callable[[Request, Any], ApiError]


def answer_errors(app: FastAPI, told: Callable[[ApiError], object] = bool) -> None:
    """Have the application answer every error in OpenAI's form, and tell `told` of each."""
    for kind, read in READERS.items():
        app.add_exception_handler(kind, _answered(read, told))


def _answered(
    read: Reader, told: Callable[[ApiError], object]
) -> Callable[[Request, Exception], Coroutine[Any, Any, JSONResponse]]:
    async def answered(request: Request, error: Exception) -> JSONResponse:
        told(found := read(request, error))
        return found.response()

    return answered


def _mistake(_: Request, error: Exception) -> ApiError:
    return bad_request(str(error))


def _invalid(_: Request, error: RequestValidationError) -> ApiError:
    return invalid(error.errors())


def invalid(found: Any) -> ApiError:
    """Return the error for a body that does not fit its schema, given what pydantic found."""
    first: Mapping[str, Any] = next(iter(found), {})
    path = [str(part) for part in first.get("loc", ()) if part not in ("body", "query")]
    place = ".".join(path)
    return bad_request(f"{place or 'the body'}: {first.get('msg', 'is not valid')}", place or None)


def _http(request: Request, error: HTTPException) -> ApiError:
    where = f"{request.method} {request.url.path}"
    said = {404: f"there is no {where}", 405: f"{where} is not allowed"}.get(
        error.status_code, str(error.detail)
    )
    return ApiError(error.status_code, said, headers=error.headers)


def _own_fault(request: Request, error: Exception) -> ApiError:
    """Say nothing of what broke but a number, under which the log holds the rest."""
    number = uuid4().hex[:12]
    logger.error("error %s on %s %s", number, request.method, request.url.path, exc_info=error)
    return ApiError(500, f"the gateway failed; its log says more under {number}", "internal_error")


READERS: Mapping[type[Exception], Reader] = {
    ApiError: lambda _, error: error,
    UsageError: _mistake,
    DataError: _mistake,
    RequestValidationError: _invalid,
    HTTPException: _http,
    Exception: _own_fault,
}
