"""Which errors mean that a model did not answer, and what kind of failure each is."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace

import httpx
import pytest
from langchain_core import exceptions as langchain
from pydantic import BaseModel, ValidationError

from orchestrator.failures import (
    KINDS,
    ModelError,
    call_failures,
    is_failure,
    kind_of,
    possible,
    retry_after_s,
)
from orchestrator.models import ScriptedModel
from router_training.contract import PointsmanError, UsageError


def raised(call):
    """The error that a call raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  # which one is what the tests ask
        call()
    return caught.value


def test_a_mistake_in_a_program_is_no_failure_of_a_model():
    def mistake():
        return int("four")

    for error in (
        raised(mistake),
        raised(lambda: {}["missing"]),
        raised(lambda: None.text),
        raised(lambda: BaseModel.model_validate(3)),
        raised(lambda: json.loads("{")),
        ValidationError.from_exception_data("x", []),
        UsageError("dial is 3"),
        AssertionError("no"),
    ):
        assert not is_failure(error), error
    assert issubclass(ModelError, PointsmanError) and not issubclass(AssertionError, possible())


def test_a_mistake_in_a_users_model_shows_instead_of_being_recorded_as_a_failure():
    assert not is_failure(raised(lambda: ScriptedModel(script=lambda prompt: 1 / 0).invoke("hi")))
    assert not is_failure(raised(lambda: ScriptedModel(script=lambda prompt: int(prompt)).invoke("hi")))
    assert is_failure(raised(lambda: ScriptedModel(script=ModelError("down")).invoke("hi")))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (langchain.ModelRateLimitError("slow down"), "rate limit"),
        (langchain.ModelAPIError("500"), "server error"),
        (langchain.ModelTimeoutError("late"), "timeout"),
        (langchain.ModelConnectionError("reset"), "interrupted"),
        (langchain.ModelAuthenticationError("401"), "no access"),
        (langchain.ModelPermissionDeniedError("403"), "no access"),
        (langchain.ModelNotFoundError("404"), "not found"),
        (langchain.ModelInvalidRequestError("400"), "bad request"),
        (langchain.ContextOverflowError("long"), "context length"),
        (langchain.ModelInvalidRequestError("This model's maximum context length is 9"), "context length"),
        (ConnectionRefusedError("refused"), "unreachable"),
        (ConnectionResetError("reset"), "interrupted"),
        (TimeoutError("late"), "timeout"),
        (OSError("no route"), "unreachable"),
        (ModelError("scripted"), "failed"),
        (httpx.ConnectError("refused"), "unreachable"),
        (httpx.DecodingError("what"), "unknown"),
    ],
)
def test_every_error_has_its_kind(error, kind):
    assert is_failure(error) and isinstance(error, call_failures())
    assert kind_of(error).name == kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, "rate limit"),
        (500, "server error"),
        (503, "server error"),
        (401, "no access"),
        (418, "bad request"),
    ],
)
def test_a_client_that_langchain_does_not_classify_is_known_by_its_http_status(status, kind):
    error = httpx.HTTPError("no")
    error.status_code = status
    assert kind_of(error).name == kind


def test_only_what_certainly_cost_nothing_and_may_pass_is_repeated_under_a_budget():
    passing = {kind.name for kind in KINDS if kind.passes}
    assert passing == {"unreachable", "interrupted", "rate limit", "server error"}
    assert {kind.name for kind in KINDS if kind.may_cost} == {
        "interrupted",
        "timeout",
        "unreadable",
        "unknown",
    }
    assert len({kind.name for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        (None, None),
    ],
)
def test_the_endpoint_says_how_long_to_wait_in_seconds_or_as_a_date(header, wait_s):
    error = ModelError("429")
    error.response = SimpleNamespace(headers={} if header is None else {"retry-after": header})
    assert retry_after_s(error, datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)) == wait_s
    assert retry_after_s(ModelError("x")) is None
