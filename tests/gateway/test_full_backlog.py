"""A gateway whose backlog is full."""

from orchestrator.feedback import BACKLOG
from orchestrator.gateway.traces import Traces
from tests.gateway.serving import cards_of, gateway, service_over
from tests.gateway.test_behaviour import post, question


def test_a_gateway_at_the_cap_answers_and_says_so_once_and_refuses_ratings_in_a_sentence(
    upstream, tmp_path, caplog
):
    traces = Traces(tmp_path / "spool", "full", 100, most_bytes=2500)
    service = service_over(cards_of(upstream), feedback=traces)
    service.traces = traces
    with gateway(service=service) as (url, *_):
        answered = [post(url, question()) for _ in range(6)]
        trace = answered[-1][2]["pointsman"]["trace_id"]
        status, headers, said = post(url, {"trace_id": trace, "score": 1.0}, "/v1/feedback")
    assert [status for status, *_ in answered] == [200] * 6
    assert (status, said["error"]["code"], headers["retry-after"]) == (503, "feedback_not_kept", "60")
    assert traces.refused[BACKLOG] >= 4 and traces.backlog["waiting"] <= 2500
    assert len([one for one in caplog.records if "feedback is not kept" in one.message]) == 1
