"""What a client meets besides answers: tools, names, limits, hanging up, streams that break, LangChain."""

import asyncio
import http.client
import json
import time

import openai
import pytest
from langchain_openai import ChatOpenAI

from orchestrator.models import Reply, ScriptedModel
from tests.faults.fault_server import FAULTS, Play, answer
from tests.gateway.serving import cards_of, gateway, service_over
from tests.gateway.test_chat import ask, client

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALL = {"id": "c0", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}


def post(url, body, path="/v1/chat/completions", **headers):
    """Return status, headers and JSON of a plain POST."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.request("POST", path, content, {"Content-Type": "application/json", **headers})
    found = connection.getresponse()
    text = found.read()
    connection.close()
    return found.status, dict(found.getheaders()), json.loads(text)


def question(model="auto", **more):
    return {"model": model, "messages": [{"role": "user", "content": "hi"}], **more}


def test_calls_of_tools_come_back_and_their_results_are_sent_on(upstream):
    upstream.script.append(answer(None, finish="tool_calls", tool_calls=[CALL]))
    with gateway(upstream) as (url, *_), client(url) as one:
        asked = [{"role": "user", "content": "Weather in Paris?"}]
        first = one.chat.completions.create(model="auto", messages=asked, tools=[WEATHER], tool_choice="auto")
        (call,) = first.choices[0].message.tool_calls
        asked += [
            first.choices[0].message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": call.id, "content": "rain"},
        ]
        second = one.chat.completions.create(model="auto", messages=asked, tools=[WEATHER])
    assert (call.function.name, call.function.arguments) == ("weather", '{"city": "Paris"}')
    assert first.choices[0].finish_reason == "tool_calls" and second.choices[0].message.content == "four"
    assert upstream.seen[0]["tools"] == [WEATHER] and upstream.seen[0]["tool_choice"] == "auto"
    assert upstream.seen[1]["messages"] == asked


def test_calls_of_tools_are_streamed_piece_by_piece(upstream):
    def chunk(**choice):
        return {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}

    first = {"index": 0, "id": "c0", "type": "function", "function": {"name": "weather", "arguments": ""}}
    parts = [
        {"role": "assistant", "content": None, "tool_calls": [first]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city": '}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '"Paris"}'}}]},
    ]
    chunks = [chunk(index=0, delta=part, finish_reason=None) for part in parts]
    chunks.append(chunk(index=0, delta={}, finish_reason="tool_calls"))
    body = "".join(f"data: {json.dumps(one)}\n\n" for one in chunks) + "data: [DONE]\n\n"
    upstream.script.append(Play(body=body.encode(), headers=("Content-Type: text/event-stream",)))
    with gateway(upstream) as (url, _, served):
        found = ask(url, stream=True, tools=[WEATHER])
    calls = [one.choices[0].delta.tool_calls[0] for one in found if one.choices[0].delta.tool_calls]
    assert "".join(call.function.arguments for call in calls) == '{"city": "Paris"}'
    assert served[0].answer["tool_calls"][0]["args"] == {"city": "Paris"}


def test_an_answer_in_another_form_than_was_asked_for_is_not_accepted(upstream, second):
    upstream.script.append(answer("It is four."))
    second.script.append(answer('{"sum": 4}'))
    schema = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}
    form = {"type": "json_schema", "json_schema": {"name": "sum", "schema": schema}}
    with gateway(upstream, second) as (url, *_):
        found = ask(url, response_format=form)
    assert found.choices[0].message.content == '{"sum": 4}' and found.model == "m1"
    assert upstream.seen[0]["response_format"] == second.seen[0]["response_format"] == form


def test_several_choices_and_log_probabilities_come_back(upstream):
    body = answer("one").body
    second = {"index": 1, "finish_reason": "stop", "message": {"role": "assistant", "content": "two"}}
    first = {**body["choices"][0], "logprobs": {"content": [{"token": "one", "logprob": -0.1}]}}
    upstream.script.extend([Play(body={**body, "choices": [first, second]})] * 2)
    with gateway(upstream) as (url, *_):
        found, streamed = ask(url, n=2), ask(url, n=2, stream=True)
    assert [choice.message.content for choice in found.choices] == ["one", "two"]
    assert found.choices[0].logprobs.content[0].logprob == -0.1
    texts = {0: "", 1: ""}
    for chunk in streamed:
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert texts == {0: "one", 1: "two"}


@pytest.mark.parametrize(
    ("model", "headers", "ours", "dial", "strategy"),
    [
        ("auto", {}, {}, 0.8, "fallback(cascade)"),
        ("auto:0.3", {}, {}, 0.3, "fallback(cascade)"),
        ("auto:quality/cost_based", {}, {}, 1.0, "cost_based"),
        ("auto:0.3", {"x-pointsman-dial": "0.4"}, {}, 0.4, "fallback(cascade)"),
        ("auto", {"x-pointsman-dial": "0.4"}, {"dial": 0.5, "strategy": "cost_based"}, 0.5, "cost_based"),
    ],
)
def test_dial_and_strategy_stand_in_the_name_a_header_or_the_body(
    upstream, model, headers, ours, dial, strategy
):
    with gateway(upstream) as (url, _, served):
        status, _, found = post(url, question(model, pointsman=ours), **headers)
    assert status == 200 and found["pointsman"]["strategy"] == strategy
    assert served[0].answer["decision"]["dial"] == dial
    assert "pointsman" not in upstream.seen[0]


@pytest.mark.parametrize(
    ("body", "headers", "param"),
    [
        (question("auto:1.5"), {}, "model"),
        (question("auto/astrology"), {}, None),
        (question(pointsman={"dail": 1}), {}, "pointsman.dail"),
        (question(pointsman={"dial": 2}), {}, "pointsman.dial"),
        (question(), {"x-pointsman-max-usd": "nan"}, "x-pointsman-max-usd"),
        (question(), {"x-pointsman-dial": "high"}, None),
        (question(pointsman={"allow": ["nobody"]}), {}, None),
        ({"model": "auto", "messages": []}, {}, "messages"),
        ({"model": "auto", "messages": [{"role": "wizard", "content": "hi"}]}, {}, "messages.0.role"),
        ({"model": "auto"}, {}, "messages"),
        (b"{", {}, None),
        (b'{"model": "\xff"}', {}, None),
        (b"[" * 100_000, {}, None),
        (b"null", {}, None),
    ],
)
def test_what_cannot_be_asked_is_refused_in_openais_form(upstream, body, headers, param):
    with gateway(upstream) as (url, *_):
        status, _, found = post(url, body, **headers)
    assert status == 400 and found["error"]["type"] == "invalid_request_error" and found["error"]["message"]
    assert found["error"]["param"] == param and not upstream.seen


def test_a_wrong_path_or_method_has_the_same_form(upstream):
    with gateway(upstream) as (url, *_):
        assert post(url, {}, "/v1/nothing")[0] == 404
        status, _, found = post(url, {}, "/v1/models")
    assert status == 405 and found["error"]["message"] == "POST /v1/models is not allowed"


def test_a_stream_that_breaks_after_its_first_word_ends_in_an_error_and_is_not_begun_again(upstream, second):
    chunk = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    said = {**chunk, "choices": [{"index": 0, "delta": {"content": "one"}, "finish_reason": None}]}
    body = f"data: {json.dumps(said)}\n\n".encode()
    upstream.script.append(Play(body=body, headers=("Content-Type: text/event-stream",)))
    with gateway(upstream, second) as (url, _, served), pytest.raises(openai.APIError, match="broke off"):
        ask(url, stream=True)
    assert len(upstream.seen) == 1 and not second.seen
    assert served[0].status == 502 and served[0].answer["usd"] > 0


@pytest.mark.parametrize("stream", [False, True])
def test_hanging_up_cancels_the_work_upstream(upstream, stream):
    upstream.script.append(FAULTS["hang"])
    with gateway(upstream) as (url, _, served):
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
        connection.request("POST", "/v1/chat/completions", json.dumps(question(stream=stream)).encode())
        while not upstream.seen:
            time.sleep(0.01)
        assert _waiting(upstream) == 1
        connection.close()
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and (_waiting(upstream) or not served):
            time.sleep(0.01)
        assert _waiting(upstream) == 0 and served[0].is_broken_off and served[0].status == 499


def _waiting(server):
    """Return how many requests the endpoint has not done with."""

    async def count():
        return sum("_one" in repr(task.get_coro()) for task in asyncio.all_tasks())

    return asyncio.run_coroutine_threadsafe(count(), server.loop).result(10)


def test_a_conversation_stays_with_its_model_where_that_is_worth_it(upstream, second):
    with gateway(upstream, second) as (url, service, _):
        ask(url, model="m1", extra_body={"pointsman": {"conversation": "c1"}})
        assert service.conversations._models == {(None, "c1"): "m1"}


def test_pictures_alone_are_a_question_too(upstream):
    parts = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]
    with gateway(upstream) as (url, *_):
        status, *_ = post(url, {"model": "auto", "messages": [{"role": "user", "content": parts}]})
    assert status == 200 and upstream.seen[0]["messages"][0]["content"] == parts


def test_langchain_asks_streams_and_calls_tools(upstream):
    upstream.script.extend(
        [answer(), answer("one two"), answer(None, finish="tool_calls", tool_calls=[CALL])]
    )
    with gateway(upstream) as (url, *_):
        model = ChatOpenAI(model="auto", base_url=f"{url}/v1", api_key="none", max_retries=0)
        assert model.invoke("hi").content == "four"
        assert "".join(chunk.content for chunk in model.stream("hi")) == "onetwo"
        (call,) = model.bind_tools([WEATHER]).invoke("Weather?").tool_calls
        model.root_client.close()
    assert call["name"] == "weather" and call["args"] == {"city": "Paris"}


def test_models_of_other_providers_answer_too_though_nothing_of_theirs_is_passed_on_word_for_word(upstream):
    cards = cards_of(upstream)
    service = service_over(cards, models={"m0": ScriptedModel(label="m0", script=Reply("scripted", 3, 1))})
    with gateway(service=service) as (url, *_):
        whole, streamed = ask(url), ask(url, stream=True)
    assert whole.choices[0].message.content == "scripted" and whole.usage.total_tokens == 4
    assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == "scripted"


def test_too_large_a_body_is_refused_and_more_requests_than_fit_are_told_to_come_back(upstream):
    upstream.script.append(FAULTS["hang"])
    service = service_over(cards_of(upstream), body_bytes=1000, concurrency=1, queue=0)
    with gateway(service=service) as (url, *_):
        assert post(url, question(user="x" * 2000))[0] == 413
        waiting = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)
        waiting.request("POST", "/v1/chat/completions", json.dumps(question()).encode())
        while not upstream.seen:
            time.sleep(0.01)
        status, headers, found = post(url, question())
        waiting.close()
    assert status == 503 and headers["retry-after"] == "1" and found["error"]["code"] == "overloaded"
