"""Second answers of a gateway, over endpoints on real sockets: streamed or whole, callers never hear of them."""

import json
import time
import urllib.request

import aiohttp
import pytest

from orchestrator.feedback import from_json
from orchestrator.gateway.accounts import Accounts
from orchestrator.gateway.opening import Opener
from orchestrator.gateway.shadows import LedgerPurse
from orchestrator.gateway.start import assembled
from orchestrator.health import Health
from orchestrator.settings import Settings
from router_training.contract import UsageError
from tests.faults.fault_server import FAULTS, answer
from tests.gateway.serving import serving
from tests.gateway.test_behaviour import post, question
from tests.gateway.test_chat import ask


def settings_for(folder, *servers, **more):
    models = folder / "models.toml"
    models.write_text(
        "".join(
            f'[models.m{i}]\nusd_per_mtok_in = {10.0**i}\nusd_per_mtok_out = {2 * 10.0**i}\nbase_url = "{server.url}"\n'
            for i, server in enumerate(servers)
        )
    )
    paths = {"models": models, "spool": folder / "spool", "keys": folder / "keys.db"}
    return Settings(**paths, **{"shadow": 1.0, "explore": 0.0, **more})


@pytest.fixture
def away(monkeypatch, tmp_path):
    """No champion stands in the way of the cards."""
    monkeypatch.chdir(tmp_path)


def records_in(folder, n):
    """Wait until the spool holds n records; return them."""
    until = time.monotonic() + 20
    while True:
        lines = [line for file in folder.glob("*/*.jsonl") for line in file.read_text().splitlines()]
        if len(lines) >= n:
            return [from_json(line) for line in lines]
        assert time.monotonic() < until, len(lines)
        time.sleep(0.02)


def metric(url, name):
    with urllib.request.urlopen(f"{url}/metrics", timeout=20) as found:
        lines = found.read().decode().splitlines()
    return {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)
    }


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.usefixtures("away")
def test_the_answer_is_given_while_the_second_model_still_hangs(upstream, second, tmp_path, stream):
    second.script.append(FAULTS["hang"])
    with serving(assembled(settings_for(tmp_path, upstream, second), {})) as url:
        found = ask(url, stream=stream)
        if stream:
            assert "".join(one.choices[0].delta.content or "" for one in found) == "four"
        else:
            assert found.choices[0].message.content == "four"
        (served,) = records_in(tmp_path / "spool", 1)
        assert served.model == "m0" and served.shadow_of is None
    (_, stopped) = records_in(tmp_path / "spool", 2)  # told to stop, it keeps what the call may have cost
    assert stopped.attempts[0].cancelled and stopped.shadow_of == served.trace_id and stopped.usd > 0.0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.usefixtures("away")
def test_a_second_answer_is_asked_for_as_the_first_was_and_only_feedback_and_metrics_know(
    upstream, second, tmp_path, stream
):
    second.script.append(answer("five", prompt=10, completion=7))
    with serving(assembled(settings_for(tmp_path, upstream, second), {})) as url:
        found = ask(url, stream=stream, temperature=0.3, user="someone")
        assert "five" not in str(found)
        served, shadow = records_in(tmp_path / "spool", 2)
        spent = metric(url, "pointsman_usd_total")
        calls = metric(url, "pointsman_calls_total")
    assert (served.result, shadow.result, shadow.shadow_of) == ("four", "five", served.trace_id)
    assert shadow.decision.propensity == 1.0 and shadow.usd == pytest.approx(240e-6)
    assert spent['pointsman_usd_total{model="m1",strategy="shadow"}'] == pytest.approx(240e-6)
    assert sum(spent.values()) == pytest.approx(served.usd + shadow.usd)
    assert calls['pointsman_calls_total{model="m1",outcome="answered"}'] == 1.0
    (sent,) = second.seen
    assert (sent["temperature"], sent["user"], sent["messages"]) == (
        0.3,
        "someone",
        upstream.seen[0]["messages"],
    )
    assert "stream" not in sent


@pytest.mark.usefixtures("away")
def test_the_second_of_several_choices_is_asked_for_once(upstream, second, tmp_path):
    with serving(assembled(settings_for(tmp_path, upstream, second), {})) as url:
        assert post(url, question(n=2))[0] == 200
        records_in(tmp_path / "spool", 2)
    assert "n" not in second.seen[0]


@pytest.mark.usefixtures("away")
def test_nothing_is_asked_twice_where_it_is_off_or_the_caller_names_a_model(upstream, second, tmp_path):
    with serving(assembled(settings_for(tmp_path, upstream, second), {})) as url:
        assert post(url, question("m0"))[0] == 200
    with serving(assembled(settings_for(tmp_path, upstream, second, shadow=0.0), {})) as url:
        assert post(url, question())[0] == 200
    assert len(records_in(tmp_path / "spool", 2)) == 2 and not second.seen


@pytest.mark.usefixtures("away")
def test_what_the_log_may_not_hold_it_does_not_hold_of_second_answers(upstream, second, tmp_path):
    second.script.append(answer("five"))
    with serving(assembled(settings_for(tmp_path, upstream, second, log="none"), {})) as url:
        assert post(url, question())[0] == 200
        records_in(tmp_path / "spool", 2)
    text = "".join(file.read_text() for file in (tmp_path / "spool").glob("*/*.jsonl"))
    assert "five" not in text and "four" not in text and json.loads(text.splitlines()[1])["shadow_of"]


@pytest.mark.usefixtures("away")
def test_the_budget_of_a_day_holds_through_restarts(upstream, second, tmp_path):
    card = 4096 * 20e-6  # the most that an answer of m1 may cost
    settings = settings_for(tmp_path, upstream, second, shadow_usd_per_day=1.2 * card)
    for n in (2, 3, 4):
        second.script.append(answer("five", prompt=10, completion=2000))
        with serving(assembled(settings, {})) as url:
            assert post(url, question())[0] == 200
            records_in(tmp_path / "spool", n)
            until = time.monotonic() + 10
            while n > 2 and not metric(url, "pointsman_shadow_passed_over_total"):
                assert time.monotonic() < until
                time.sleep(0.02)
    assert len(second.seen) == 1


def test_one_purse_for_all_processes(tmp_path):
    files = [Accounts(tmp_path / "keys.db") for _ in range(2)]
    first, other = (LedgerPurse(file, 1.0) for file in files)
    hold = first.reserve(0.7)
    assert hold is not None and other.reserve(0.7) is None
    first.settle(hold, 0.1)
    assert other.reserve(0.7) is not None
    for file in files:
        file.close()


@pytest.mark.usefixtures("away")
def test_a_shadow_model_that_is_none_is_refused_at_the_start(upstream, tmp_path):
    with pytest.raises(UsageError, match="POINTSMAN_SHADOW_MODEL is 'm7'"):
        Opener(
            settings_for(tmp_path, upstream, shadow_model="m7"), aiohttp.ClientSession, {}, Health()
        ).open()
