"""Chat completions by the real openai client over a real socket."""

import openai
import pytest

from tests.faults.fault_server import FAULTS, answer
from tests.gateway.serving import gateway


def client(url):
    return openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


def ask(url, model="auto", text="What is 2 + 2?", **options):
    """Return the completion, or the chunks of a stream."""
    with client(url) as one:
        found = one.chat.completions.create(
            model=model, messages=[{"role": "user", "content": text}], **options
        )
        return list(found) if options.get("stream") else found


def test_an_answer_names_its_model_price_and_trace(upstream, second):
    with gateway(upstream, second) as (url, _, served), client(url) as one:
        found = one.chat.completions.with_raw_response.create(
            model="auto", messages=[{"role": "user", "content": "hi"}]
        )
    said = found.parse()
    ours = said.model_extra["pointsman"]
    assert said.choices[0].message.content == "four" and said.model == ours["model"] == "m0"
    assert said.usage.total_tokens == 15 and ours["usd"] == pytest.approx(20e-6)
    assert said.id == f"chatcmpl-{ours['trace_id']}" == f"chatcmpl-{found.headers['x-request-id']}"
    assert (
        found.headers["x-pointsman-model"] == "m0"
        and 0 <= float(found.headers["x-pointsman-confidence"]) <= 1
    )
    assert ours["reference"] == "m1" and ours["saved_usd"] == pytest.approx(
        ours["reference_usd"] - ours["usd"]
    )
    assert [(one.status, one.strategy, one.answer["model"]) for one in served] == [
        (200, "fallback(cascade)", "m0")
    ]


def test_every_field_reaches_the_endpoint_as_it_was_written(upstream):
    fields = {
        "temperature": 0.3,
        "top_p": 0.9,
        "max_tokens": 7,
        "stop": ["\n"],
        "seed": 3,
        "n": 1,
        "logprobs": True,
        "top_logprobs": 2,
        "user": "someone",
        "metadata": {"a": "b"},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "x", "schema": {"type": "object"}},
        },
    }
    parts = [
        {"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
    ]
    messages = [
        {"role": "developer", "content": "Be brief.", "name": "boss"},
        {"role": "user", "content": parts, "unknown": 1},
    ]
    with gateway(upstream) as (url, *_), client(url) as one:
        one.chat.completions.create(model="auto", messages=messages, **fields, extra_body={"brand_new": [1]})
    (sent,) = upstream.seen
    assert sent == {**fields, "brand_new": [1], "model": "m0", "messages": messages}


def test_words_are_streamed_with_usage_and_what_we_know_at_the_end(upstream):
    upstream.script.append(answer("one two three"))
    with gateway(upstream) as (url, _, served):
        chunks = ask(url, stream=True, stream_options={"include_usage": True})
    words = [
        chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content
    ]
    assert words == ["one", "two", "three"]
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens == 15
    assert (
        chunks[-2].choices[0].finish_reason == "stop" and chunks[-2].model_extra["pointsman"]["model"] == "m0"
    )
    assert len({chunk.id for chunk in chunks}) == 1 and {chunk.model for chunk in chunks} == {"m0"}
    assert served[0].first_token_s is not None and served[0].strategy == "fallback(cost_based)"
    assert upstream.seen[0]["stream_options"] == {"include_usage": True}


def test_an_answer_that_is_checked_is_streamed_whole(upstream, second):
    with gateway(upstream, second) as (url, *_):
        chunks = ask(url, model="auto/cascade", stream=True)
    assert [chunk.choices[0].delta.content for chunk in chunks] == ["four", None]
    assert "stream" not in upstream.seen[0]


@pytest.mark.parametrize("fault", ["500", "reset", "garbage", "no choices", "404"])
@pytest.mark.parametrize("stream", [False, True])
def test_another_model_stands_in_for_one_that_fails(upstream, second, fault, stream):
    upstream.script.extend([FAULTS[fault]] * 3)
    with gateway(upstream, second) as (url, *_):
        found = ask(url, stream=stream)
        text = (
            "".join(one.choices[0].delta.content or "" for one in found)
            if stream
            else found.choices[0].message.content
        )
    assert text == "four" and len(second.seen) == 1


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ("429", openai.RateLimitError, "rate_limit_exceeded"),
        ("too long", openai.BadRequestError, "context_length_exceeded"),
        ("500", openai.InternalServerError, "upstream_error"),
        ("401", openai.InternalServerError, "upstream_error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_where_no_model_answers_the_error_has_the_status_that_fits(upstream, fault, kind, code, stream):
    upstream.script.extend([FAULTS[fault]] * 3)
    with gateway(upstream) as (url, _, served), pytest.raises(kind) as error:
        ask(url, stream=stream)
    assert error.value.code == code and served[0].status == error.value.status_code
    assert served[0].reference_usd is None  # no answer saves nothing
    assert upstream.url not in str(error.value)


def test_a_model_is_asked_by_its_name_and_no_other(upstream, second):
    with gateway(upstream, second) as (url, _, served):
        assert ask(url, model="m1").model == "m1"
        with pytest.raises(openai.NotFoundError, match="there is no model 'gpt-9'"):
            ask(url, model="gpt-9")
    assert not upstream.seen and served[0].strategy == "direct"
