"""Requests on their way from the graph to MLflow."""

import json
import signal
import subprocess
import sys

import pytest
from hypothesis import given, strategies as st

from orchestrator.collecting import drain, drain_sealed
from orchestrator.feedback import MemorySink, Spool, from_json, to_json
from router_training.contract import (
    Attempt,
    DataError,
    Decision,
    Evidence,
    Forecast,
    RequestRecord,
    UsageError,
)

texts = st.text(max_size=20)
numbers = st.floats(0, 1)
maybe = st.none()
records = st.builds(
    RequestRecord,
    trace_id=texts,
    time=texts,
    prompt=texts,
    strategy=texts,
    decision=st.builds(
        Decision,
        model=texts,
        dial=numbers,
        propensity=numbers,
        reason=texts,
        forecasts=st.lists(st.builds(Forecast, texts, numbers, numbers, numbers, numbers), max_size=3).map(
            tuple
        ),
    ),
    attempts=st.lists(
        st.builds(
            Attempt,
            model=texts,
            text=maybe | texts,
            confidence=maybe | numbers,
            error=maybe | texts,
            prompt_tokens=maybe | st.integers(0, 10**9),
            evidence=st.lists(st.builds(Evidence, texts, maybe | numbers, texts), max_size=2).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
    result=texts,
    model=maybe | texts,
    confidence=maybe | numbers,
    usd=numbers,
    latency_s=numbers,
)


@given(records)
def test_a_request_survives_json_on_one_line(record):
    line = to_json(record)
    assert "\n" not in line
    assert from_json(line) == record


@pytest.mark.parametrize("line", ["", "{", "[]", "null", '{"decision": 1}', '{"trace_id": "a"}'])
def test_a_line_that_is_no_request_is_a_data_error(line):
    with pytest.raises(DataError, match="is not a request written by this version"):
        from_json(line)


def test_memory_keeps_requests_in_order(request_record):
    sink = MemorySink()
    told = [request_record(number) for number in range(3)]
    for record in told:
        sink(record)
    assert sink.records == told


def test_what_is_spooled_arrives_as_outcomes_and_leaves_the_disk(tmp_path, store, request_record):
    with Spool(tmp_path / "spool") as spool:
        for number in range(5):
            spool(request_record(number))
        assert drain(spool, store) == 5
        assert drain(spool, store) == 0
        assert [entry.name for entry in (tmp_path / "spool").glob("*.jsonl")] == ["open.jsonl"]
    outcomes = store.feedback_outcomes()
    assert [outcome.task_id for outcome in outcomes] == [f"{number:032x}" for number in range(5)]
    assert {outcome.label_source for outcome in outcomes} == {"verifier"}


def test_requests_that_arrive_during_a_drain_wait_for_the_next(tmp_path, store, request_record):
    with Spool(tmp_path) as spool:
        spool(request_record(0))
        sealed = spool.seal()
        spool(request_record(1))
        assert len(sealed) == 1
        assert drain(spool, store) == 2


def test_a_crash_between_shipping_and_removal_duplicates_nothing(tmp_path, store, request_record):
    with Spool(tmp_path) as spool:
        spool(request_record(0))
        (sealed,) = spool.seal()
        content = sealed.read_bytes()
        assert drain(spool, store) == 1
        sealed.write_bytes(content)
        assert drain(spool, store) == 1
    assert len(store.feedback_outcomes()) == 1


def test_who_collects_at_the_same_time_may_carry_a_file_away(tmp_path, store, request_record):
    with Spool(tmp_path) as spool:
        for number in range(3):
            spool(request_record(number))
            spool.seal()

        class Slow:
            def log_requests(self, records, *, trace_limit):
                drain_sealed(tmp_path, store)  # the other one is faster
                store.log_requests(records, trace_limit=trace_limit)

        assert drain_sealed(tmp_path, Slow()) == 1
    assert len(store.feedback_outcomes()) == 3 and not list(tmp_path.glob("sealed-*"))


def test_a_store_that_fails_loses_nothing(tmp_path, store, request_record):
    class Broken:
        def log_requests(self, records, *, trace_limit):
            raise OSError("the server is down")

    with Spool(tmp_path) as spool:
        spool(request_record(0))
        (sealed,) = spool.seal()
        sealed.write_bytes(sealed.read_bytes() + b"half a li")
        for _ in range(2):
            with pytest.raises(OSError, match="down"):
                drain(spool, Broken())
        spool(request_record(1))
        assert drain(spool, store) == 2
    assert (tmp_path / "unreadable.jsonl").read_bytes() == b"half a li\n"


def test_a_killed_writer_leaves_all_its_requests_to_the_next_owner(tmp_path, store, request_record):
    (tmp_path / "line").write_text(to_json(request_record(7)))
    program = (
        "import pathlib, time\n"
        "from orchestrator.feedback import Spool, from_json\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "spool = Spool(folder / 'spool')\n"
        "spool(from_json((folder / 'line').read_text()))\n"
        "print('written', flush=True)\n"
        "time.sleep(60)\n"
    )
    writer = subprocess.Popen([sys.executable, "-P", "-c", program], stdout=subprocess.PIPE, text=True)
    with writer:
        assert writer.stdout.readline() == "written\n"
        with pytest.raises(UsageError, match="a folder of its own"):
            Spool(tmp_path / "spool")
        writer.send_signal(signal.SIGKILL)
    with (tmp_path / "spool" / "open.jsonl").open("a") as torn:
        torn.write('{"trace_id": "half a li')
    with Spool(tmp_path / "spool") as spool:
        assert drain(spool, store) == 1
    assert [outcome.task_id for outcome in store.feedback_outcomes()] == [f"{7:032x}"]
    assert "half a li" in (tmp_path / "spool" / "unreadable.jsonl").read_text()


def test_line_separators_and_lone_surrogates_in_a_prompt_do_no_harm(tmp_path, store, request_record):
    with Spool(tmp_path) as spool:
        spool(request_record(0, prompt="one\u2028two\x85three\nfour"))
        spool(request_record(1, prompt="half a pair: \ud83d"))
        assert drain(spool, store) == 2
    prompts = [outcome.prompt for outcome in store.feedback_outcomes()]
    assert prompts == ["one\u2028two\x85three\nfour", "half a pair: ?"]


def test_a_full_disk_leaves_no_torn_line(tmp_path, request_record):
    resource = pytest.importorskip("resource", reason="limits on file size are a POSIX matter")
    spool = Spool(tmp_path)
    spool(request_record(0))
    size = (tmp_path / "open.jsonl").stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, limits[1]))
    try:
        with pytest.raises(OSError, match="only part"):
            spool(request_record(1))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    spool(request_record(2))
    spool.close()
    lines = (tmp_path / "open.jsonl").read_text().splitlines()
    assert [json.loads(line)["trace_id"] for line in lines] == [f"{number:032x}" for number in (0, 2)]


def test_a_folder_that_cannot_be_made_is_a_usage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be used"):
        Spool(tmp_path / "file")


def test_every_spooled_request_is_a_line_of_its_own(tmp_path, request_record):
    record = request_record(0)
    with Spool(tmp_path, sync_every=10**6) as spool:
        for _ in range(200):
            spool(record)
    assert (tmp_path / "open.jsonl").stat().st_size == 200 * (len(to_json(record)) + 1)
