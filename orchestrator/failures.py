"""What it means that a call failed: which kind, whether to repeat it, whether it may have cost something.

PointsmanError
└── ModelError    a model did not answer: no recording, a scripted failure
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from langchain_core import exceptions as langchain
from langchain_core.exceptions import LangChainException

from router_training.contract import PointsmanError


class ModelError(PointsmanError):
    """Raised when a model did not answer; another one may."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of failure.

    `passes`: the same call may succeed a moment later. `may_cost`: the provider may have charged for it.
    `blames`: it says something about the endpoint, not only about this request.
    """

    name: str
    passes: bool = False
    may_cost: bool = False
    blames: bool = True


UNREACHABLE = Kind("unreachable", passes=True)
INTERRUPTED = Kind("interrupted", passes=True, may_cost=True)
TIMEOUT = Kind("timeout", may_cost=True)
RATE_LIMIT = Kind("rate limit", passes=True)
QUOTA = Kind("quota")
SERVER_ERROR = Kind("server error", passes=True)
NO_ACCESS = Kind("no access")
NOT_FOUND = Kind("not found")
UNREADABLE = Kind("unreadable", may_cost=True)
BAD_REQUEST = Kind("bad request", blames=False)
CONTEXT_LENGTH = Kind("context length", blames=False)
REFUSED = Kind("refused", blames=False)
CIRCUIT_OPEN = Kind("circuit open", blames=False)
TOO_LATE = Kind("too late", blames=False)
TOO_DEAR = Kind("too dear", blames=False)
FAILED = Kind("failed", blames=False)
UNKNOWN = Kind("unknown", may_cost=True)
KINDS = (
    UNREACHABLE,
    INTERRUPTED,
    TIMEOUT,
    RATE_LIMIT,
    QUOTA,
    SERVER_ERROR,
    NO_ACCESS,
    NOT_FOUND,
    UNREADABLE,
    BAD_REQUEST,
    CONTEXT_LENGTH,
    REFUSED,
    CIRCUIT_OPEN,
    TOO_LATE,
    TOO_DEAR,
    FAILED,
    UNKNOWN,
)

# What client libraries raise when an endpoint does not answer as it should: (module, base class).
CLIENT_ERRORS = (
    ("openai", "OpenAIError"),
    ("anthropic", "AnthropicError"),
    ("google.api_core.exceptions", "GoogleAPIError"),
    ("google.genai.errors", "APIError"),
    ("botocore.exceptions", "BotoCoreError"),
    ("groq", "GroqError"),
    ("ollama", "ResponseError"),
    ("httpx", "HTTPError"),
    ("httpx2", "HTTPError"),
    ("aiohttp", "ClientError"),
    ("requests", "RequestException"),
)
# A reply that makes no sense trips up the client that reads it, with whatever error comes first.
STUMBLES = (ValueError, TypeError, LookupError, AttributeError)
CLIENTS = {
    "openai",
    "anthropic",
    "google",
    "botocore",
    "groq",
    "ollama",
    "httpx",
    "httpx2",
    "httpcore",
    "aiohttp",
    "requests",
}

BY_CLASS: tuple[tuple[type[Exception], Kind], ...] = (
    (langchain.ContextOverflowError, CONTEXT_LENGTH),
    (langchain.ModelRateLimitError, RATE_LIMIT),
    (langchain.ModelAPIError, SERVER_ERROR),
    (langchain.ModelTimeoutError, TIMEOUT),
    (langchain.ModelConnectionError, INTERRUPTED),
    (langchain.ModelAuthenticationError, NO_ACCESS),
    (langchain.ModelPermissionDeniedError, NO_ACCESS),
    (langchain.ModelNotFoundError, NOT_FOUND),
    (langchain.ModelInvalidRequestError, BAD_REQUEST),
    (ConnectionResetError, INTERRUPTED),
    (BrokenPipeError, INTERRUPTED),
    (TimeoutError, TIMEOUT),
    (OSError, UNREACHABLE),
    (ModelError, FAILED),
)
BY_STATUS = {
    401: NO_ACCESS,
    403: NO_ACCESS,
    404: NOT_FOUND,
    408: TIMEOUT,
    413: CONTEXT_LENGTH,
    429: RATE_LIMIT,
}
BY_CODE = {
    "context_length_exceeded": CONTEXT_LENGTH,
    "exceed_context_size_error": CONTEXT_LENGTH,
    "content_filter": REFUSED,
    "content_policy_violation": REFUSED,
    "insufficient_quota": QUOTA,
}
BY_WORDS = {
    "maximum context length": CONTEXT_LENGTH,
    "exceeds the available context size": CONTEXT_LENGTH,
    "prompt is too long": CONTEXT_LENGTH,
    "content management policy": REFUSED,
}
NEVER_SENT = {"ConnectError", "ConnectTimeout", "PoolTimeout", "ConnectionRefusedError"}
REFUSALS = {"content_filter", "refusal", "safety", "prohibited_content", "guardrail_intervened"}


def call_failures() -> tuple[type[Exception], ...]:
    """Return the exceptions that always mean "this model did not answer", of the client libraries in use."""
    loaded = [(sys.modules[name], error) for name, error in CLIENT_ERRORS if name in sys.modules]
    known = (getattr(module, error) for module, error in loaded if hasattr(module, error))
    return (ModelError, OSError, LangChainException, *known)


def possible() -> tuple[type[Exception], ...]:
    """Return the exceptions that may mean it; `is_failure` tells."""
    return (*call_failures(), *STUMBLES)


def is_failure(error: Exception) -> bool:
    """Tell whether the model did not answer; any other error is a mistake in a program, and must show.

    A client that stumbles over a reply raises errors that a mistake raises too: what tells them apart is who raised.
    """
    if isinstance(error, call_failures()):
        return True
    if not isinstance(error, STUMBLES) or isinstance(error, PointsmanError):
        return False
    where = [name for name in _modules(error) if name.partition(".")[0] != "json"]
    package = where[-1].partition(".")[0] if where else ""
    return package in CLIENTS or package.startswith("langchain")


def _modules(error: Exception) -> Iterator[str]:
    """Yield the modules of the frames that the error came through, the one that raised it last."""
    traceback = error.__traceback__
    while traceback is not None:
        yield traceback.tb_frame.f_globals.get("__name__", "")
        traceback = traceback.tb_next


def kind_of(error: Exception) -> Kind:
    """Return the kind of a failure: by the provider's own code, by class, by HTTP status."""
    message, code = str(error), getattr(error, "code", None)
    if code in BY_CODE:
        return BY_CODE[code]
    if (said := next((kind for words, kind in BY_WORDS.items() if words in message), None)) is not None:
        return said
    kind = next((kind for known, kind in BY_CLASS if isinstance(error, known)), None) or _by_status(error)
    sent = not any(type(cause).__name__ in NEVER_SENT for cause in _chain(error))
    return kind if sent or kind not in (INTERRUPTED, TIMEOUT, UNKNOWN) else UNREACHABLE


def _by_status(error: Exception) -> Kind:
    status = getattr(error, "status_code", None)
    if not isinstance(status, int):
        return UNREADABLE if isinstance(error, STUMBLES) else UNKNOWN
    return BY_STATUS.get(status, SERVER_ERROR if status >= 500 else BAD_REQUEST)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def retry_after_s(error: Exception, now: datetime | None = None) -> float | None:
    """Return the seconds that the endpoint asks to wait (RFC 9110, section 10.2.3); None if it does not say."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    text = headers.get("retry-after")
    if text is None:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        wait = parsedate_to_datetime(text) - (now or datetime.now(UTC))
    except (ValueError, TypeError):  # neither a number nor a date, or a date without a zone
        return None
    return max(0.0, wait.total_seconds())
