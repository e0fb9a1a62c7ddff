"""The Responses API by the real openai client over a real socket."""

import openai
import pytest

from tests.faults.fault_server import FAULTS, answer
from tests.gateway.serving import gateway


def create(url, **request):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        found = client.responses.create(model="auto", **request)
        return list(found) if request.get("stream") else found


def test_a_text_is_answered_by_a_response(upstream):
    form = {"type": "json_schema", "name": "x", "schema": {"type": "object"}, "strict": True}
    with gateway(upstream) as (url, *_):
        found = create(url, input="hi", instructions="Be brief.", max_output_tokens=9, text={"format": form})
    assert found.output_text == "four" and found.status == "completed" and found.model == "m0"
    assert found.usage.total_tokens == 15 and found.model_extra["pointsman"]["model"] == "m0"
    (sent,) = upstream.seen
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]
    assert sent["max_completion_tokens"] == 9
    assert sent["response_format"]["json_schema"] == {
        "name": "x",
        "schema": {"type": "object"},
        "strict": True,
    }


def test_a_conversation_is_given_as_items(upstream):
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "one"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "two"}]},
        {"role": "user", "content": "three"},
    ]
    with gateway(upstream) as (url, *_):
        create(url, input=items)
    assert [(one["role"], one["content"]) for one in upstream.seen[0]["messages"]] == [
        ("user", "one"),
        ("assistant", "two"),
        ("user", "three"),
    ]


@pytest.mark.parametrize("model", ["auto", "auto/cascade"])
def test_a_stream_tells_each_piece_once_and_ends_with_the_whole(upstream, model):
    upstream.script.append(answer("one two"))
    with gateway(upstream) as (url, *_):
        events = create(url, input="hi", stream=True)
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-1] == "response.completed" and [event.sequence_number for event in events] == list(
        range(len(events))
    )
    heard = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert heard == events[-1].response.output_text == "onetwo"


def test_an_answer_that_was_cut_is_incomplete(upstream):
    upstream.script.append(answer(finish="length"))
    with gateway(upstream) as (url, *_):
        found = create(url, input="hi")
    assert found.status == "incomplete" and found.incomplete_details.reason == "max_output_tokens"


@pytest.mark.parametrize(
    "request_", [{"tools": [{"type": "web_search"}]}, {"previous_response_id": "resp_1"}, {"input": []}]
)
def test_what_is_not_served_is_refused_with_a_reason(upstream, request_):
    with gateway(upstream) as (url, *_), pytest.raises(openai.BadRequestError):
        create(url, **{"input": "hi", **request_})
    assert not upstream.seen


def test_an_error_has_its_status(upstream):
    upstream.script.append(FAULTS["429 no money"])
    with gateway(upstream) as (url, *_), pytest.raises(openai.RateLimitError):
        create(url, input="hi")
