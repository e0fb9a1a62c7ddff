"""What the gateway keeps of requests, says about them, and how it takes a new router without dropping one."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import replace

import pytest

from orchestrator.collecting import drain_sealed
from orchestrator.feedback import from_json
from orchestrator.gateway.explaining import explained
from orchestrator.gateway.opening import Opener
from orchestrator.gateway.reloading import Reloader
from orchestrator.gateway.service import Service
from orchestrator.gateway.traces import Traces
from orchestrator.health import Health
from orchestrator.rating import rated
from orchestrator.settings import Settings
from router_training.contract import UsageError
from router_training.records.champion_pointer import fetched, read_pointer
from router_training.records.feedback_rows import outcomes_of
from router_training.records.traces import said_of
from tests.gateway.serving import cards_of, gateway, service_over
from tests.gateway.test_behaviour import post, question


def get(url, path):
    with urllib.request.urlopen(f"{url}{path}", timeout=20) as found:
        return json.load(found)


@pytest.fixture
def traces(tmp_path):
    one = Traces(tmp_path / "spool", "full", 10)
    yield one
    one.close()


def lines_in(folder):
    return [
        from_json(line) for file in sorted(folder.glob("*/*.jsonl")) for line in file.read_text().splitlines()
    ]


def test_an_answer_is_explained_and_what_people_think_of_it_is_kept(upstream, second, tmp_path):
    traces = Traces(tmp_path / "spool", "full", 10)
    service = service_over(cards_of(upstream, second), feedback=traces)
    service.traces = traces
    with gateway(service=service) as (url, *_):
        trace = post(url, question())[2]["pointsman"]["trace_id"]
        about = get(url, f"/v1/explain/{trace}")
        status, _, kept = post(url, {"trace_id": trace, "thumbs": "down", "comment": "no"}, "/v1/feedback")
        assert (status, kept["score"]) == (200, 0.0)
        assert [one.confidence for one in lines_in(tmp_path / "spool")] == [about["confidence"], 0.0]
        assert post(url, {"trace_id": "nobody", "score": 1.0}, "/v1/feedback")[0] == 404
        assert post(url, {"trace_id": trace}, "/v1/feedback")[0] == 400
    assert about["chosen"] == "m0" and {one["model"] for one in about["forecasts"]} == {"m0", "m1"}
    (before, after) = lines_in(tmp_path / "spool")
    assert [one.label_source for one in outcomes_of(after)] == ["human"]
    assert [(one.quality, one.label_source) for one in outcomes_of(before)] == [(None, "verifier")]


def test_a_rating_needs_an_answer(request_record):
    with pytest.raises(UsageError, match="had no answer"):
        rated(request_record(error="down"), 1.0, "")


def test_an_answer_is_compared_with_what_was_expected(upstream, second, tmp_path):
    traces = Traces(tmp_path / "spool", "full", 10)
    service = service_over(cards_of(upstream, second), feedback=traces)
    service.traces = traces
    with gateway(service=service) as (url, *_):
        answer = post(url, question())[2]
        about = {"trace_id": answer["pointsman"]["trace_id"]}
        said = answer["choices"][0]["message"]["content"]

        def judge(**more):
            status, _, found = post(url, {**about, **more}, "/v1/feedback")
            return status, found.get("score", found.get("error", {}).get("message"))

        assert judge(grader="exact", expected_response=said) == (200, 1.0)
        assert judge(grader="exact", expected_response="not that") == (200, 0.0)
        assert judge(score=0.5, expected_response=said) == (200, 0.5)
        for wrong in (
            {"grader": "exact"},
            {"grader": "exact", "expected_response": said, "score": 1.0},
            {"grader": "python_tests", "expected_response": said},
            {"grader": "os:system", "expected_response": said},
            {"expected_response": said},
            {"grader": "exact", "expected_response": ""},
        ):
            assert judge(**wrong)[0] == 400
        assert "give one of score, thumbs and grader" in judge()[1]
        assert "needs a grader" in judge(expected_response=said)[1]
        status, message = judge(grader="numeric", expected_response="no number")
        assert status == 400 and "grader numeric cannot judge" in message
    rows = [outcomes_of(one)[0] for one in lines_in(tmp_path / "spool")]
    assert [(one.quality, one.label_source) for one in rows[1:]] == [
        (1.0, "gold"),
        (0.0, "gold"),
        (0.0, "gold"),
    ]
    assert [one.reference for one in rows] == [None, said, "not that", "not that"]


async def test_second_answers_push_no_request_out_of_memory(tmp_path, request_record):
    traces = Traces(tmp_path, "full", 2)
    for i in range(2):
        traces(request_record(i))
        traces(replace(request_record(100 + i), shadow_of=request_record(i).trace_id))
    for file in tmp_path.glob("*/*.jsonl"):
        file.unlink()
    assert [(await traces.find(request_record(i).trace_id)).trace_id for i in range(2)]
    traces.close()


async def test_two_words_on_one_answer_at_once_are_both_kept(traces, request_record):
    traces(request_record(42))
    trace = request_record(42).trace_id
    await asyncio.gather(traces.rate(trace, 0.5, "fair"), traces.compare(trace, "42", "numeric"))
    assert set(said_of(await traces.find(trace))) == {"human", "gold"}
    assert not traces._turns


async def test_where_answers_are_not_kept_none_is_compared_and_no_reference_is_kept(tmp_path, request_record):
    traces = Traces(tmp_path, "hash", 10)
    traces(request_record(1))
    trace = request_record(1).trace_id
    with pytest.raises(UsageError, match=r"not kept here \(POINTSMAN_LOG\).* give a score"):
        await traces.compare(trace, "1", "numeric")
    await traces.rate(trace, 1.0, "a comment", "the reference")
    traces.close()
    words = "".join(file.read_text() for file in tmp_path.glob("*/*.jsonl"))
    assert "the reference" not in words and "a comment" not in words


async def test_a_request_is_found_on_disk_after_a_restart_the_latest_word_first(tmp_path, request_record):
    first = Traces(tmp_path, "full", 10)
    first(request_record(1))
    await first.rate(request_record(1).trace_id, 0.25, "meh")
    first.close()
    again = Traces(tmp_path, "full", 10)
    assert (await again.find(request_record(1).trace_id)).confidence == 0.25
    again.close()


async def test_what_a_running_gateway_has_closed_is_carried_into_mlflow_once(store, tmp_path, request_record):
    traces = Traces(tmp_path, "full", 10)
    traces(request_record(1))
    await traces.rate(request_record(1).trace_id, 0.25, "meh")
    assert drain_sealed(tmp_path / "0", store) == 0
    traces._spool.seal()
    assert drain_sealed(tmp_path / "0", store) == 2 and drain_sealed(tmp_path / "0", store) == 0
    traces.close()
    (outcome,) = store.feedback_outcomes()
    assert (outcome.quality, outcome.label_source) == (0.25, "human")


def test_each_process_has_a_spool_of_its_own(tmp_path):
    first, second = Traces(tmp_path, "full", 10), Traces(tmp_path, "full", 10)
    assert {one.name for one in tmp_path.iterdir()} == {"0", "1"}
    first.close()
    second.close()


@pytest.mark.parametrize("privacy", ["full", "none"])
def test_flips_are_where_the_same_strategy_decides_otherwise(
    two_kinds_policy, two_kinds, request_record, privacy
):
    cards = two_kinds_policy.catalogue
    service = service_over(cards, policy=two_kinds_policy, models=dict.fromkeys(cards))
    routing = service.routing
    prompt = two_kinds.prompts[1]
    forecasts = two_kinds_policy.forecast([prompt]).row(0)
    node = routing.decider("cost_based")
    state = node.invoke({"input": prompt})
    record = request_record(
        prompt=prompt if privacy == "full" else "",
        strategy="cost_based",
        decision=_decision(state, forecasts),
    )
    flips = explained(record, routing, None)["flips"]
    chosen = state["decision"]["model"]
    assert flips
    for flip in flips:
        for side, is_beyond in ((-1e-3, flip["side"] == "below"), (1e-3, flip["side"] == "above")):
            if flip["what"] == "dial":
                asked = node.invoke({"input": prompt, "dial": flip["value"] + side})
                assert (asked["decision"]["model"] != chosen) == is_beyond


def _decision(state, forecasts):
    from orchestrator import plain

    return plain.decision(state["decision"])


def test_a_decision_is_told_without_asking_anybody(two_kinds_policy, two_kinds, upstream):
    cards = two_kinds_policy.catalogue
    service = service_over(cards, policy=two_kinds_policy, models=dict.fromkeys(cards))
    with gateway(service=service) as (url, *_):
        _, _, one = post(url, {"prompt": two_kinds.prompts[0], "dial": 1.0}, "/v1/route")
        _, _, many = post(url, {"prompts": list(two_kinds.prompts[:5]), "dial": 1.0}, "/v1/route")
        assert post(url, {"prompt": "a", "prompts": ["b"]}, "/v1/route")[0] == 400
        for wrong, said in (
            ({"prompt": " "}, "asks nothing"),
            ({"prompt": "a", "deny": ["nobody"]}, "'nobody'"),
        ):
            status, _, refused = post(url, wrong, "/v1/route")
            assert status == 400 and said in refused["error"]["message"]
    assert many["decisions"][0]["model"] == one["model"]
    assert len(many["decisions"]) == 5 and {f["model"] for f in one["forecasts"]} == set(cards)
    best = max(one["forecasts"], key=lambda f: f["worth"])
    assert best["model"] == one["model"] == two_kinds_policy.choose([two_kinds.prompts[0]], 1.0)[0]


def write_models(path, url, price):
    path.write_text(f'[models.m0]\nusd_per_mtok_in = {price}\nusd_per_mtok_out = 2.0\nbase_url = "{url}"\n')


def test_new_cards_serve_at_once_and_broken_ones_are_refused(upstream, tmp_path):
    models, told = tmp_path / "models.toml", []
    write_models(models, upstream.url, 1.0)
    settings = Settings(models=models)
    service = Service(settings)
    reloader = Reloader(service, Opener(settings, service.session, {}, Health()), told.append)
    reloader.start()
    before = service.router
    reloader.look()
    assert service.router is before and told == []
    models.write_text("[models.m0]\nusd_per_mtok_in = -1\n")
    reloader.look()
    reloader.look()
    assert service.router is before and told == [False]
    write_models(models, upstream.url, 3.5)
    reloader.look()
    assert service.router.cards["m0"].usd_per_mtok_in == 3.5 and told == [False, True]


def test_no_request_is_dropped_while_routers_change(upstream, tmp_path):
    models = tmp_path / "models.toml"
    write_models(models, upstream.url, 1.0)
    settings = Settings(models=models)
    service = Service(settings)
    reloader = Reloader(service, Opener(settings, service.session, {}, Health()))
    reloader.start()
    found = []
    with gateway(service=service) as (url, *_):
        asking = [
            threading.Thread(target=lambda: found.extend(post(url, question())[0] for _ in range(8)))
            for _ in range(4)
        ]
        for one in asking:
            one.start()
        for price in range(2, 8):
            write_models(models, upstream.url, float(price))
            reloader.look()
        for one in asking:
            one.join()
    assert found == [200] * 32


def test_the_champion_is_read_without_mlflow_and_a_rollback_serves_the_one_before(
    store, two_kinds_policy, tmp_path
):
    two_kinds_policy.save(tmp_path / "policy")
    assert read_pointer(store.uri) is None
    versions = [store.log_training(tmp_path / "policy").version for _ in range(2)]
    for version in versions:
        store.promote(version)
    pointer = read_pointer(store.uri)
    assert pointer.version == versions[1]
    assert (fetched(pointer, tmp_path) / "policy" / "manifest.json").is_file()
    assert store.roll_back() == (versions[1], versions[0])
    assert read_pointer(store.uri).version == versions[0]
    assert store.roll_back() == (versions[0], versions[1])


@pytest.mark.integration
def test_what_was_acknowledged_survives_sigkill_and_serving_starts_without_torch(upstream, tmp_path):
    models = tmp_path / "models.toml"
    write_models(models, upstream.url, 1.0)
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [
        sys.executable,
        "-c",
        "from orchestrator.cli import main; main()",
        "serve",
        "--models",
        str(models),
        "--port",
        str(port),
    ]
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=tmp_path, stderr=log, env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                assert get(url, "/readyz")["status"] == "ready"
                break
            except OSError:
                assert server.poll() is None
                time.sleep(0.05)
        ids = [post(url, question())[2]["pointsman"]["trace_id"] for _ in range(5)]
        for trace in ids:
            assert post(url, {"trace_id": trace, "score": 0.5}, "/v1/feedback")[0] == 200
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
    assert sorted(
        one.trace_id for one in lines_in(tmp_path / "mlruns" / "spool") if one.confidence == 0.5
    ) == sorted(ids)
    imported = {line.rpartition("|")[2].strip() for line in (tmp_path / "log").read_text().splitlines()}
    assert "uvicorn" in imported and not imported & {"torch", "mlflow", "sklearn", "openai"}
