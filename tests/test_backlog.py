"""The backlog of feedback is bounded and visible, on a full disk too, and MLflow may be away for as long as it likes."""

import errno
import itertools
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace

import pytest

from orchestrator.collecting import LONGEST_PAUSE_S, carry, drain, drain_sealed, rounds
from orchestrator.feedback import (
    BACKLOG,
    DISK,
    FullError,
    Spool,
    from_json,
    note_refused,
    refused_in,
    to_json,
    waiting_bytes,
)
from orchestrator.gateway.errors import ApiError
from orchestrator.gateway.traces import Traces
from orchestrator.rating import rated
from router_training.contract import SHADOW, UsageError


def ids_in(folder):
    return [
        from_json(line).trace_id
        for file in sorted(folder.glob("*.jsonl"))
        for line in file.read_text().splitlines()
    ]


def filled(folder, most_bytes, request_record):
    """A spool that has taken as many ordinary requests as it may, and their number."""
    spool, n = Spool(folder, most_bytes=most_bytes), 0
    while True:
        try:
            spool(request_record(n))
        except FullError:
            return spool, n
        n += 1


def test_at_its_cap_a_spool_takes_what_failed_or_was_rated_and_drops_nothing_that_it_took(
    tmp_path, store, request_record
):
    spool, n = filled(tmp_path, 20_000, request_record)
    assert 0.8 * 20_000 < waiting_bytes(tmp_path) <= 0.9 * 20_000
    spool(request_record(100, error="down"))
    with pytest.raises(FullError, match="run `pointsman collect`"):
        spool(replace(request_record(101, error="down"), shadow_of="r", strategy=SHADOW))
    rating, is_full = 0, False
    while not is_full:
        try:
            spool(rated(request_record(rating), 1.0, ""))
            rating += 1
        except FullError:
            is_full = True
    assert rating > 0 and waiting_bytes(tmp_path) <= 20_000
    kept = [f"{i:032x}" for i in [*range(n), 100, *range(rating)]]
    assert ids_in(tmp_path) == kept and spool.refused[BACKLOG] == 3
    spool.confirm()
    assert refused_in(tmp_path) == 3
    assert drain(spool, store) == len(kept) and refused_in(tmp_path) == 0
    spool._counted_s -= 2.0
    spool(request_record(200))  # there is room again
    spool.close()


def test_room_that_another_process_makes_is_noticed(tmp_path, request_record):
    spool, _ = filled(tmp_path, 20_000, request_record)
    for sealed in spool.seal():
        sealed.unlink()
    spool._counted_s -= 2.0
    spool(request_record(0))
    spool.close()
    with pytest.raises(UsageError, match="holds nothing"):
        Spool(tmp_path, most_bytes=0)


def test_a_folder_that_was_given_up_is_not_written_any_more(tmp_path, request_record):
    spool = Spool(tmp_path)
    spool.close()
    with Spool(tmp_path), pytest.raises(OSError, match="was given up"):
        spool(request_record(0))
    assert ids_in(tmp_path) == []


def test_what_waited_before_a_restart_counts(tmp_path, request_record):
    spool, n = filled(tmp_path, 20_000, request_record)
    spool.close()
    with Spool(tmp_path, most_bytes=20_000) as again, pytest.raises(FullError):
        again(request_record(0))
    assert len(ids_in(tmp_path)) == n


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 256 kB, of its own; where mounting is not allowed, the test is left out."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        found = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here")
    if found.returncode:
        pytest.skip("mounting takes rights that this user does not have")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_is_really_full_costs_no_answer_and_nothing_that_was_kept(
    small_disk, store, request_record, caplog
):
    traces = Traces(small_disk / "spool", "full", 5000)
    for i in range(400):
        traces(request_record(i))
    kept = ids_in(small_disk / "spool" / "0")
    assert 0 < len(kept) < 400 and kept == [f"{i:032x}" for i in range(len(kept))]
    assert traces.refused == {DISK: 400 - len(kept)}
    with pytest.raises(OSError, match=r"No space left|only part") as error:
        traces._spool(request_record(400))
    assert error.value.errno in (errno.ENOSPC, None)
    assert len([one for one in caplog.records if "feedback is not kept" in one.message]) == 1
    (small_disk / "spool" / "0" / "more").write_bytes(b"")
    traces._spool.seal()
    carried = drain_sealed(small_disk / "spool" / "0", store)
    assert carried == len(kept) and len(store.feedback_outcomes()) == len(kept)
    traces(request_record(500))
    assert "feedback is kept again" in caplog.text and len(ids_in(small_disk / "spool" / "0")) == 1
    traces.close()


async def test_on_a_full_disk_a_rating_is_not_acknowledged_and_the_first_word_stays(
    small_disk, request_record
):
    traces = Traces(small_disk / "spool", "full", 5000)
    for i in range(400):
        traces(request_record(i))
    with pytest.raises(ApiError) as error:
        await traces.rate(f"{0:032x}", 0.0, "no")
    assert error.value.status == 503
    assert (await traces.find(f"{0:032x}")).confidence == request_record(0).confidence
    traces.close()


def test_a_file_that_may_not_grow_is_a_full_disk_to_its_process(tmp_path, request_record):
    for i in range(20):
        (tmp_path / f"line{i}").write_text(to_json(request_record(i)))
    program = (
        "import pathlib, resource, signal\n"
        "from orchestrator.feedback import Spool, from_json\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))\n"
        "spool = Spool(folder / 'spool')\n"
        "for i in range(20):\n"
        "    try:\n"
        "        spool(from_json((folder / f'line{i}').read_text()))\n"
        "    except OSError:\n"
        "        pass\n"
        "print(spool.refused['disk'])\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    kept = ids_in(tmp_path / "spool")
    assert 0 < len(kept) < 20 and int(done.stdout) == 20 - len(kept)


def test_mlflow_may_be_away_for_ten_minutes_and_more(tmp_path, store, request_record):
    with Spool(tmp_path / "0") as spool:
        for i in range(3):
            spool(request_record(i))
    clock, asked = [0.0], []

    def opened():
        asked.append(clock[0])
        if clock[0] < 3600.0:
            raise ConnectionError("the server is down\nand more")
        return store

    found = []
    for one in rounds(tmp_path, opened, (OSError,), 5.0):
        found.append(one)
        if one.carried:
            break
        clock[0] += one.pause_s
    assert found[-1].carried == 3 and 3600.0 <= clock[0] <= 3600.0 + LONGEST_PAUSE_S
    assert [one.pause_s for one in found[:5]] == [5.0, 10.0, 20.0, 40.0, 60.0]
    assert {one.problem for one in found[:-1]} == {"the server is down"}
    assert len(store.feedback_outcomes()) == 3 and carry(tmp_path, store) == 0


def test_after_a_failure_the_pause_is_short_again(tmp_path, store):
    answers = iter([ConnectionError("down"), ConnectionError("down"), store])

    def opened():
        one = next(answers)
        if isinstance(one, Exception):
            raise one
        return one

    pauses = [
        one.pause_s for one, _ in zip(rounds(tmp_path, opened, (OSError,), 7.0), range(5), strict=False)
    ]
    assert pauses == [7.0, 14.0, 7.0, 7.0, 7.0]


def test_to_collect_from_broken_records_is_one_sentence_and_loses_nothing(
    run, tmp_path, store, request_record, monkeypatch
):
    with Spool(tmp_path / "spool" / "0") as spool:
        spool(request_record(1))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    monkeypatch.setenv("POINTSMAN_SPOOL", str(tmp_path / "spool"))
    with closing(sqlite3.connect(tmp_path / "records" / "mlflow.db")) as database:
        database.execute("ALTER TABLE runs RENAME TO gone")
    code, out, err = run("collect")
    assert (code, out) == (2, "") and "Traceback" not in err
    assert "did not take all requests" in err and "run `pointsman collect` again" in err
    with closing(sqlite3.connect(tmp_path / "records" / "mlflow.db")) as database:
        database.execute("ALTER TABLE gone RENAME TO runs")
    assert run("collect")[:2] == (0, f"1 requests are in {store.place}.\n")


def test_what_a_gateway_still_writes_is_said_to_wait(run, tmp_path, store, request_record, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)
    monkeypatch.setenv("POINTSMAN_SPOOL", str(tmp_path / "spool"))
    with Spool(tmp_path / "spool" / "0") as spool:
        spool(request_record(1))
        spool(request_record(2))
        code, out, _ = run("collect")
        waiting = "2 wait in files that a gateway still writes and closes every minute"
        assert (code, out) == (0, f"0 requests are in {store.place}; {waiting}.\n")
        assert len(ids_in(tmp_path / "spool" / "0")) == 2
    assert run("collect")[:2] == (0, f"2 requests are in {store.place}.\n")


def test_a_password_in_an_error_of_mlflow_is_not_told(tmp_path):
    def opened():
        raise OSError("no route to http://ann:secret@records:5000/api")

    (one,) = itertools.islice(rounds(tmp_path, opened, (OSError,), 5.0), 1)
    assert one.problem == "no route to http://ann:***@records:5000/api"


def test_what_was_refused_is_noted_until_it_is_told(tmp_path):
    note_refused(tmp_path, 2)
    note_refused(tmp_path, 3)
    note_refused(tmp_path, 0)
    assert refused_in(tmp_path) == 5 and refused_in(tmp_path / "none") == 0
