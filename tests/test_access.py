"""The door: who gets in, who is told to wait, and that nobody spends more than is theirs."""

import asyncio
import itertools
import logging
from datetime import UTC, datetime

import pytest

from orchestrator.gateway.access import (
    KeyGate,
    allowed_models,
    check_binding,
    require_model,
    require_operator,
    secret_of,
)
from orchestrator.gateway.accounts import Accounts
from orchestrator.gateway.callers import Caller, OpenGate
from orchestrator.gateway.errors import ApiError
from orchestrator.gateway.keys import Allowance, Keys
from router_training.contract import UsageError

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def accounts(tmp_path):
    return Accounts(tmp_path / "keys.db")


@pytest.fixture
def keys(accounts):
    return Keys(accounts)


@pytest.fixture
def gate(accounts):
    with_thread = KeyGate(accounts, lambda: NOON, itertools.count().__next__)
    yield with_thread
    with_thread.close()


def bearer(secret):
    return {"authorization": f"Bearer {secret}"}


async def refusal(awaited):
    with pytest.raises(ApiError) as refused:
        await awaited
    return refused.value


async def test_whoever_has_a_key_gets_in_under_its_name(gate, keys):
    caller = await gate.admit(bearer(keys.add("alice", Allowance(models=("small",)))))
    assert (caller.name, caller.models, caller.is_operator) == ("alice", frozenset({"small"}), False)


@pytest.mark.parametrize("headers", [{}, bearer("pm-none"), {"authorization": "Basic abc"}, bearer("")])
async def test_whoever_has_none_is_told_how_to_get_one(gate, keys, headers):
    keys.add("alice")
    refused = await refusal(gate.admit(headers))
    assert refused.status == 401 and refused.headers["WWW-Authenticate"] == "Bearer"
    assert "pointsman keys add" in refused.message


async def test_no_refusal_repeats_the_secret_that_was_sent(gate, keys, caplog):
    keys.add("alice")
    with caplog.at_level(logging.DEBUG):
        refused = await refusal(gate.admit(bearer("pm-my-secret")))
    assert "my-secret" not in str(refused.body()) + caplog.text


async def test_without_keys_everybody_gets_in_until_the_first_is_made(gate, keys):
    assert await gate.admit({}) == Caller()
    keys.add("alice")
    assert (await refusal(gate.admit({}))).status == 401
    keys.revoke("alice")
    assert (await refusal(gate.admit({}))).status == 401


async def test_the_first_key_counts_within_a_second(accounts, keys):
    clock = [0.0]
    gate = KeyGate(accounts, lambda: NOON, lambda: clock[0])
    assert await gate.admit({}) == Caller()
    secret = keys.add("alice")
    clock[0] = 0.99
    assert await gate.admit({}) == Caller()
    assert (await refusal(gate.admit({"host": "rebound.example"}))).status == 403
    clock[0] = 1.0
    assert (await refusal(gate.admit({}))).status == 401
    assert (await gate.admit(bearer(secret))).name == "alice"
    gate.close()


async def test_a_revoked_key_is_refused_at_once(gate, keys):
    secret = keys.add("alice")
    await gate.admit(bearer(secret))
    keys.revoke("alice")
    assert (await refusal(gate.admit(bearer(secret)))).status == 401


async def test_too_many_requests_are_told_when_to_come_again(gate, keys):
    secret = keys.add("alice", Allowance(requests_per_minute=2))
    await gate.admit(bearer(secret))
    await gate.admit(bearer(secret))
    refused = await refusal(gate.admit(bearer(secret)))
    assert (refused.status, refused.code, refused.headers) == (
        429,
        "rate_limit_exceeded",
        {"Retry-After": "30"},
    )


async def test_an_empty_budget_stops_hard_and_says_until_when(gate, keys):
    caller = await gate.admit(bearer(keys.add("alice", Allowance(usd_per_day=1.0))))
    await gate.reserve(caller, 1.0)
    refused = await refusal(gate.reserve(caller, 0.01))
    assert (refused.status, refused.code) == (429, "insufficient_quota")
    assert refused.headers == {"Retry-After": str(12 * 3600), "x-should-retry": "false"}
    assert "$1 a day" in refused.message and "$0.01" in refused.message


async def test_requests_at_once_spend_no_more_than_the_budget(gate, keys):
    caller = await gate.admit(bearer(keys.add("alice", Allowance(usd_per_day=1.0))))
    asked = await asyncio.gather(*(gate.reserve(caller, 0.3) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(one, ApiError) for one in asked) == 17


async def test_what_was_settled_may_be_spent_by_the_next_request(gate, keys):
    caller = await gate.admit(bearer(keys.add("alice", Allowance(usd_per_day=1.0))))
    for _ in range(50):
        gate.settle(await gate.reserve(caller, 0.9), 0.001)
    assert (await refusal(gate.reserve(caller, 0.951))).code == "insufficient_quota"


async def test_a_settlement_that_fails_is_logged_and_the_hold_stays(gate, keys, caplog):
    caller = await gate.admit(bearer(keys.add("alice", Allowance(usd_per_day=1.0))))
    gate.settle(await gate.reserve(caller, 0.9), float("nan"))
    assert (await refusal(gate.reserve(caller, 0.2))).status == 429
    assert "counts as the most it could" in caplog.text


@pytest.mark.parametrize("open_gate", [True, False])
async def test_whoever_needs_no_key_has_no_budget_either(gate, open_gate):
    door = OpenGate() if open_gate else gate
    hold = await door.reserve(await door.admit({}), 1e6)
    door.settle(hold, 5.0)
    assert hold.usd == 1e6


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "localhost:8080"},
        {"host": "127.0.0.1"},
        {"host": "[::1]:8080", "origin": "http://localhost:8080"},
    ],
)
async def test_without_keys_this_machine_may_ask(gate, headers):
    assert await gate.admit(headers) == await gate.identify(headers) == Caller()


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "rebound.example:8080"},
        {"host": "localhost:8080", "origin": "https://example.org"},
        {"host": "localhost", "origin": "null"},
        {"host": "localhost.example.org"},
        {"host": "127.0.0.1@example.org"},
        {"host": "[::1"},
    ],
)
async def test_without_keys_no_page_of_another_site_may_ask(gate, headers):
    refused = await refusal(gate.admit(headers))
    assert (refused.status, refused.code) == (403, "not_local")


async def test_a_key_opens_from_everywhere(gate, keys):
    headers = {"host": "gateway.example", "origin": "https://app.example", **bearer(keys.add("alice"))}
    assert (await gate.admit(headers)).name == "alice"


async def test_telling_who_asks_counts_against_no_rate(gate, keys):
    headers = bearer(keys.add("alice", Allowance(requests_per_minute=1)))
    for _ in range(5):
        assert (await gate.identify(headers)).name == "alice"
    await gate.admit(headers)
    assert (await refusal(gate.admit(headers))).status == 429


def test_closing_writes_what_was_spent(tmp_path):
    accounts = Accounts(tmp_path / "keys.db")
    secret = Keys(accounts).add("alice", Allowance(usd_per_day=1.0))
    gate = KeyGate(accounts, lambda: NOON)

    async def serve():
        caller = await gate.admit(bearer(secret))
        for _ in range(20):
            gate.settle(await gate.reserve(caller, 0.01), 0.001)

    asyncio.run(serve())
    gate.close()
    (row,) = Accounts(tmp_path / "keys.db").rows("SELECT nano_usd, requests FROM spend")
    assert row == (20_000_000, 20)


def test_a_key_for_some_models_opens_those_alone():
    caller = Caller("alice", frozenset({"small", "gone"}), False)
    assert allowed_models(caller, ["large", "small"]) == ("small",)
    require_model(caller, "small")
    with pytest.raises(ApiError, match="may not use the model 'large'; it may use gone, small"):
        require_model(caller, "large")
    with pytest.raises(ApiError, match="none of this gateway's models"):
        allowed_models(caller, ["large"])


def test_what_concerns_all_is_for_operators():
    require_operator(Caller())
    with pytest.raises(ApiError, match="--operator") as refused:
        require_operator(Caller("alice", None, False))
    assert refused.value.status == 403


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", ""])
def test_without_keys_only_loopback_is_served(host):
    with pytest.raises(UsageError, match="keys add"):
        check_binding(host, guarded=False)
    check_binding(host, guarded=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_is_served_without_keys(host):
    check_binding(host, guarded=False)


@pytest.mark.parametrize(
    ("header", "secret"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic abc", None),
        ("abc", None),
        ("", None),
        (None, None),
    ],
)
def test_the_secret_stands_behind_bearer(header, secret):
    assert secret_of(header) == secret
