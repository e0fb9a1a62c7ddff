"""Finished requests as rows of the outcome table."""

from dataclasses import replace

from router_training.contract import Evidence
from router_training.records.feedback_rows import outcomes_of, read_rows, traffic_metrics, unique, write_rows


def test_an_answer_on_which_no_verifier_spoke_has_no_quality(request_record):
    record = request_record(attempts=2)
    silent = replace(record.attempts[0], evidence=(Evidence("format", None, "nothing to check"),))
    bare = replace(record.attempts[1], evidence=())
    outcomes = outcomes_of(replace(record, attempts=(silent, bare)))
    assert [(one.response, one.quality) for one in outcomes] == [("answer 0", None), ("answer 0", None)]
    assert [one.quality for one in outcomes_of(record)] == [0.25, 0.75]


def test_a_failed_call_has_no_quality_and_keeps_its_error(request_record):
    (outcome,) = outcomes_of(request_record(error="timed out"))
    assert (outcome.quality, outcome.response, outcome.error) == (None, None, "timed out")


def test_rows_come_back_from_parquet_as_they_were(tmp_path, request_record):
    records = [request_record(0, attempts=2), request_record(1, error="refused")]
    write_rows(records, tmp_path / "rows.parquet")
    assert read_rows(tmp_path / "rows.parquet") == [one for record in records for one in outcomes_of(record)]


def test_a_request_shipped_twice_counts_once_as_last_shipped(request_record):
    first, again = outcomes_of(request_record(0)) + outcomes_of(request_record(0, confidence=0.1))
    other = replace(first, model="large")
    assert unique([first, other, replace(again, quality=0.1)]) == [replace(again, quality=0.1), other]


def test_the_figures_of_a_run_are_shares_and_sums_of_its_requests(request_record):
    figures = traffic_metrics([request_record(0, attempts=2), request_record(1, error="refused")])
    assert figures == {
        "requests": 2,
        "usd": 0.003,
        "escalated_share": 0.5,
        "failed_share": 0.5,
        "mean_confidence": 0.75,
    }
