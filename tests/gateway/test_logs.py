"""The log names every kind of failure, by trace, once a minute; and who may ask."""

import logging

import pytest

from orchestrator.gateway.accounts import Accounts
from orchestrator.gateway.callers import Caller, Served
from orchestrator.gateway.errors import ApiError
from orchestrator.gateway.keys import Keys
from orchestrator.gateway.logs import FailureLog, KeyLog
from tests.gateway.serving import card, gateway, service_over
from tests.gateway.test_learning import post, question


@pytest.fixture
def said(caplog):
    """Return what says the lines that were logged since it was asked last."""
    caplog.set_level(logging.INFO, logger="orchestrator.gateway.logs")

    def lines():
        found = [one.getMessage() for one in caplog.records if one.name == "orchestrator.gateway.logs"]
        caplog.clear()
        return found

    return lines


def served(status, trace="t1", failure="timeout", model="m0"):
    state = {"trace_id": trace, "attempts": [{"model": model, "failure": failure}], "model": None}
    return Served(Caller(), "/", "auto", "cascade", status, 0.1, state)


def test_of_requests_that_fail_alike_one_a_minute_is_logged_with_the_number_of_the_others(said):
    now = 0.0
    log = FailureLog(lambda: now)
    for _ in range(4):
        log(served(504))
    log(served(504, "t2", model="m1"))
    assert said() == [
        "a request failed with 504 m0: timeout (trace t1)",
        "a request failed with 504 m1: timeout (trace t2)",
    ]
    now = 60.0
    log(served(504, "t3"))
    assert said() == [
        "a request failed with 504 m0: timeout (trace t3); 3 more like it since the last such line"
    ]


@pytest.mark.parametrize("status", [200, 400, 429, 499, 500])
def test_what_was_answered_and_what_the_caller_can_mend_is_not_logged(said, status):
    FailureLog()(served(status))
    assert said() == []


def test_a_request_that_found_no_room_is_logged_and_one_that_had_begun_not_twice(said):
    log = FailureLog()
    log.at_the_door(ApiError(503, "too many requests wait", "overloaded"))
    log.at_the_door(ApiError(503, "No model", "upstream_unavailable", headers={"x-request-id": "t1"}))
    log.at_the_door(ApiError(400, "wrong"))
    assert said() == ["a request failed with 503 overloaded (too many requests wait)"]


def test_an_endpoint_that_is_away_is_in_the_log_by_its_kind_and_the_prompt_is_not(said):
    service = service_over({"m0": card("m0", "http://127.0.0.1:9/v1")})
    service.watchers.append(FailureLog())
    with gateway(service=service) as (url, *_):
        status = post(url, question())[0]
    (line,) = said()
    assert status == 503 and line.startswith("a request failed with 503 m0: unreachable (trace ")


def test_made_and_revoked_keys_are_logged_by_name(said, tmp_path):
    keys = Keys(Accounts(tmp_path / "keys.db"))
    keys.add("before")
    log = KeyLog(keys.all)
    log.look()
    assert said() == []
    secret = keys.add("alice")
    keys.revoke("before")
    log.look()
    lines = said()
    assert lines == ["the key 'before' was revoked", "the key 'alice' was made"]
    assert secret not in str(lines)


def test_keys_that_cannot_be_read_for_a_while_end_nothing(said, tmp_path):
    accounts = Accounts(tmp_path / "keys.db")
    log = KeyLog(Keys(accounts).all)
    accounts.close()
    log.look()
    assert said() == ["the keys cannot be read now: Cannot operate on a closed database."]
