"""Requests with a key over real sockets: what they cost is paid, what they may not cost is refused."""

import asyncio
import time
from contextlib import suppress

import openai
import pytest

from orchestrator.gateway.access import KeyGate
from orchestrator.gateway.accounts import Accounts
from orchestrator.gateway.keys import Allowance, Keys
from orchestrator.gateway.messages import from_openai
from orchestrator.gateway.metrics import Metrics
from orchestrator.gateway.openai_schema import ChatRequest
from orchestrator.gateway.paying import price_of
from orchestrator.gateway.spending import Ledger
from tests.gateway.serving import card, cards_of, gateway, service_over

ASKED = [{"role": "user", "content": "What is 2 + 2?"}]


@pytest.fixture
def accounts(tmp_path):
    return Accounts(tmp_path / "keys.db")


@pytest.fixture
def opened(upstream, second, accounts):
    """Return a function of an allowance that yields a client with such a key, and what tells its spending."""
    service = service_over(cards_of(upstream, second))
    service.gate, clients = KeyGate(accounts), []
    with gateway(service=service) as (url, _, served):

        def client(**allowance):
            secret = Keys(accounts).add("alice", Allowance(**allowance))
            (key,) = Keys(accounts).all()
            clients.append(openai.OpenAI(base_url=f"{url}/v1", api_key=secret, max_retries=0))
            return clients[-1], lambda: Ledger(accounts).spent(key), served

        yield client
        for one in clients:
            one.close()
    service.gate.close()


def settled(spent, usd):
    """Wait until what was set aside has been given back."""
    until = time.monotonic() + 5.0
    while spent().usd_today > usd and time.monotonic() < until:
        time.sleep(0.01)
    return spent()


def test_a_request_pays_what_its_answer_says_it_cost(opened):
    client, spent, _ = opened()
    answer = client.chat.completions.create(model="auto", messages=ASKED)
    cost = answer.pointsman["usd"]
    assert cost > 0
    assert settled(spent, cost + 2e-9).usd_today == pytest.approx(cost, abs=2e-9)


def test_a_stream_pays_too(opened):
    client, spent, served = opened()
    assert list(client.chat.completions.create(model="auto", messages=ASKED, stream=True))
    cost = served[-1].answer["usd"]
    assert cost > 0 and settled(spent, cost + 2e-9).usd_today == pytest.approx(cost, abs=2e-9)


def test_an_empty_budget_is_told_in_openais_words_and_no_model_is_asked(opened, upstream, second):
    client, _, served = opened(usd_per_day=1e-6)
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model="auto", messages=ASKED)
    assert refused.value.code == "insufficient_quota" and "pointsman" not in refused.value.response.text
    assert int(refused.value.response.headers["retry-after"]) > 0
    assert not upstream.seen and not second.seen and served[-1].status == 429


def test_a_model_that_the_key_does_not_allow_is_refused_and_never_asked(opened, second):
    client, _, _ = opened(models=("m0",))
    with pytest.raises(openai.PermissionDeniedError, match="may not use the model 'm1'"):
        client.chat.completions.create(model="m1", messages=ASKED)
    assert client.chat.completions.create(model="auto", messages=ASKED).model == "m0"
    assert not second.seen


def test_a_key_for_models_that_are_gone_is_told_so(opened):
    client, _, _ = opened(models=("gone",))
    with pytest.raises(openai.PermissionDeniedError, match="none of this gateway's models"):
        client.chat.completions.create(model="auto", messages=ASKED)


async def test_requests_at_once_never_spend_more_than_the_budget(opened):
    client, spent, _ = opened(usd_per_day=0.02)
    async with openai.AsyncOpenAI(base_url=client.base_url, api_key=client.api_key, max_retries=0) as ask:
        options = {"model": "auto", "messages": ASKED, "max_tokens": 400}
        asked = [ask.chat.completions.create(**options) for _ in range(40)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [one for one in answers if isinstance(one, openai.RateLimitError)]
    assert 0 < len(refused) < 40 and all(isinstance(one, Exception) == (one in refused) for one in answers)
    assert spent().usd_today <= 0.02 + 1e-9


def test_a_price_counts_every_choice_and_all_that_is_read():
    cards = [card("m0", "http://127.0.0.1:1", 1.0), card("m1", "http://127.0.0.1:1", 10.0)]

    def price(text="x" * 400, **given):
        request = ChatRequest(model="auto", messages=[{"role": "user", "content": text}], **given)
        return price_of(request, from_openai(request.messages), cards)

    one = price(max_tokens=100)
    assert one.most == pytest.approx(2 * (100 + 200 + 1000 + 2000) / 1e6)
    assert one.least == pytest.approx((100 + 200) / 1e6)
    assert price(max_tokens=100, n=3).most == pytest.approx(3 * one.most)
    assert price("x" * 4000, max_tokens=100).least > one.least
    assert price().most > one.most
    assert price(max_tokens=100, tools=[{"type": "function", "function": {"name": "f"}}]).least > one.least


def test_who_is_refused_at_the_door_is_counted(upstream, accounts):
    metrics, service = Metrics(), service_over(cards_of(upstream), body_bytes=1_000)
    service.gate, service.on_error = KeyGate(accounts), metrics.erred
    secret = Keys(accounts).add("alice", Allowance(requests_per_minute=1))
    with gateway(service=service) as (url, *_):
        for key, text in ((secret, "hi"), (secret, "hi"), ("wrong", "hi"), (secret, "x" * 2_000)):
            asked = [{"role": "user", "content": text}]
            client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
            with client, suppress(openai.APIStatusError):
                client.chat.completions.create(model="auto", messages=asked)
    counted = metrics.text().decode()
    for code, status in (("rate_limit_exceeded", 429), ("invalid_api_key", 401), ("body_too_large", 413)):
        assert f'pointsman_errors_total{{code="{code}",status="{status}"}} 1.0' in counted
