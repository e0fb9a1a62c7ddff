"""The Responses API by the real openai client over a real socket."""

import openai
import pytest

from tests.faults.fault_server import FAULTS, answer
from tests.gateway.serving import gateway
from tests.gateway.test_behaviour import CALL, WEATHER

FUNCTION = {"type": "function", **WEATHER["function"]}


def create(url, **request):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        found = client.responses.create(**{"model": "auto", **request})
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
    ("request_", "param"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools.0"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "file_search"}}, "tool_choice"),
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"input": []}, "messages"),
        ({"input": [{"type": "reasoning", "id": "r", "summary": []}]}, "input.0"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
            "input.0.content.0",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
            "input.0.content.0",
        ),
    ],
)
def test_what_is_not_served_is_refused_with_a_reason(upstream, request_, param):
    with gateway(upstream) as (url, *_), pytest.raises(openai.BadRequestError) as error:
        create(url, **{"input": "hi", **request_})
    assert not upstream.seen and error.value.param == param


def test_a_picture_is_shown_to_the_model(upstream):
    picture = {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low"}
    asked = [{"role": "user", "content": [{"type": "input_text", "text": "What is it?"}, picture]}]
    with gateway(upstream) as (url, *_):
        assert create(url, input=asked).output_text == "four"
    assert upstream.seen[0]["messages"][0]["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}},
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_functions_are_called_and_their_results_answered(upstream, stream):
    upstream.script.append(answer(None, finish="tool_calls", tool_calls=[CALL]))
    with gateway(upstream) as (url, *_):
        found = create(
            url,
            model="auto/cost_based" if not stream else "auto/cascade",
            input="Weather in Paris?",
            tools=[FUNCTION],
            tool_choice={"type": "function", "name": "weather"},
            stream=stream,
        )
        if stream:
            arguments = [one for one in found if one.type == "response.function_call_arguments.done"]
            assert [one.arguments for one in arguments] == ['{"city": "Paris"}']
            assert [one.sequence_number for one in found] == list(range(len(found)))
            found = found[-1].response
        (call,) = found.output
        asked = [
            {"role": "user", "content": "Weather in Paris?"},
            call.model_dump(),
            {"type": "function_call_output", "call_id": call.call_id, "output": "rain"},
        ]
        create(url, input=asked, tools=[FUNCTION])
    assert (call.type, call.name, call.arguments) == ("function_call", "weather", '{"city": "Paris"}')
    first, second = upstream.seen
    assert first["tools"] == [WEATHER] and first["tool_choice"]["function"] == {"name": "weather"}
    assert second["messages"][1:] == [
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c0", "content": "rain"},
    ]


def test_an_error_has_its_status(upstream):
    upstream.script.append(FAULTS["429 no money"])
    with gateway(upstream) as (url, *_), pytest.raises(openai.RateLimitError):
        create(url, input="hi")
