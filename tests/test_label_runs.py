"""Labelling under bad luck: runs killed at any moment, budgets, endpoints that refuse, hang and forget."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from router_training import labelling
from router_training.contract import DataError, ModelCard, Outcome, Task
from router_training.labels.asking import Plan
from router_training.labels.budget import Budget, Limits
from router_training.labels.calls import send
from router_training.labels.grading import Grading
from router_training.labels.journal import Journal, Writer, opened_writer
from router_training.outcomes import load_outcomes
from router_training.tables.outcome_parts import write_parts
from tests.counting_server import counting_server

TASKS = [Task(f"What is {n} + 1?", f"sum-{n}", "sum", str(n + 1), "numeric") for n in range(40)]


def cards(server, *names, **more):
    return {name: ModelCard(name, 1.0, 2.0, base_url=server.url, max_tokens=9, **more) for name in names}


def begin(tmp_path, server, *options, models=("right", "wrong"), tasks=TASKS):
    """Start `pointsman label` as a process of its own."""
    if not (tmp_path / "mine.jsonl").exists():
        labelling.write_tasks(tasks, tmp_path / "mine.jsonl")
        (tmp_path / "models.toml").write_text(
            "".join(
                f'[models.{name}]\nusd_per_mtok_in = 1\nusd_per_mtok_out = 2\nbase_url = "{server.url}"\n'
                "max_tokens = 9\n"
                for name in models
            )
        )
    command = [sys.executable, "-c", "from orchestrator.cli import main; main()", "label"]
    command += [str(tmp_path / "mine.jsonl"), "--models", str(tmp_path / "models.toml")]
    return subprocess.Popen(
        [*command, "--out", str(tmp_path / "out"), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill_in_the_middle(process, server, rng, more=12):
    """Kill -9 at a random moment after the run has begun to ask."""
    seen = len(server.asked)
    wanted = seen + rng.randrange(1, more)
    while process.poll() is None and len(server.asked) < wanted:
        time.sleep(0.001)
    time.sleep(rng.random() * 0.03)
    process.kill()
    process.communicate()


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_a_run_killed_at_random_moments_pays_for_no_call_twice_and_loses_none(tmp_path, kills):
    """The endpoint honours idempotency keys: what was paid for when a run died is answered again, unpaid."""
    rng = random.Random(kills)
    tasks = [
        Task(f"What is {n} + 1?", f"sum-{n}", "sum", str(n + 1), "numeric") for n in range(40 + 8 * kills)
    ]
    with counting_server(delay_s=0.02) as server:
        for _ in range(kills):
            kill_in_the_middle(begin(tmp_path, server, "--concurrency", "4", tasks=tasks), server, rng)
        last = begin(tmp_path, server, "--concurrency", "4")
        out, _ = last.communicate()
    assert last.returncode == 0, out
    assert f"{2 * len(tasks)} outcomes, {2 * len(tasks)} graded" in out
    assert len(server.paid) == 2 * len(tasks)
    assert set(server.paid.values()) == {1}


def test_where_keys_are_ignored_nothing_is_paid_twice_with_keep_doubts(tmp_path):
    rng = random.Random(7)
    with counting_server(delay_s=0.02, keeps_keys=False) as server:
        kill_in_the_middle(begin(tmp_path, server, "--concurrency", "4", "--keep-doubts"), server, rng)
        last = begin(tmp_path, server, "--concurrency", "4", "--keep-doubts")
        out, _ = last.communicate()
    assert last.returncode == 0, out
    assert max(server.paid.values()) == 1
    doubts = Journal.read(tmp_path / "out" / "journal.jsonl").doubts
    assert len(doubts) <= 4
    assert f"{80 - len(doubts)} graded" in out
    assert not doubts or f"{len(doubts)} calls are in doubt" in out


def test_an_interrupted_run_waits_for_its_calls_and_says_how_to_go_on(tmp_path):
    with counting_server(delay_s=0.1) as server:
        process = begin(tmp_path, server, "--concurrency", "4")
        while len(server.asked) < 6:
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()
        asked = len(server.asked)
    assert process.returncode == 130
    assert "ended early: interrupted" in out and "Run the same command again" in out
    assert "Traceback" not in out
    assert asked < 80
    journal = Journal.read(tmp_path / "out" / "journal.jsonl")
    assert not journal.doubts and journal.calls == asked
    assert f"{asked} graded" in out


def test_a_second_interrupt_leaves_calls_in_doubt(tmp_path):
    tallies = []

    def interrupt_twice(server):
        while len(server.asked) < 4:
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)
        while tallies[0].stopped is None:
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    with counting_server(delay_s=30) as server:
        thread = threading.Thread(target=interrupt_twice, args=(server,))
        thread.start()
        plan = Plan(concurrency=4)
        done = labelling.label(TASKS, cards(server, "right"), tmp_path, plan=plan, told=tallies.append)
        thread.join()
    assert (done.tally.stopped, done.tally.in_doubt) == ("interrupted", 4)
    assert {outcome.error for outcome in done.outcomes()} == {"the run ended during this call", "not asked"}


@pytest.mark.parametrize("calls", [0, 1, 7, 1000])
def test_no_more_calls_are_made_than_the_budget_allows(tmp_path, calls):
    with counting_server() as server:
        done = labelling.label(
            TASKS, cards(server, "right"), tmp_path, plan=Plan(limits=Limits(calls=calls), concurrency=16)
        )
        assert sum(server.paid.values()) == done.tally.calls == min(calls, len(TASKS))
        labelling.label(TASKS, cards(server, "right"), tmp_path, plan=Plan(limits=Limits(calls=calls)))
        assert sum(server.paid.values()) == min(calls, len(TASKS)), "earlier runs count"


@pytest.mark.parametrize("concurrency", [1, 16])
def test_no_more_usd_are_spent_than_the_budget_allows(tmp_path, concurrency):
    one = (100 * 1.0 + 10 * 2.0) / 1e6
    with counting_server() as server:
        for share in (0.4, 1.0):
            budget = 25 * one * share
            done = labelling.label(
                TASKS,
                cards(server, "right", "wrong"),
                tmp_path,
                plan=Plan(limits=Limits(usd=budget), concurrency=concurrency),
            )
            paid = sum(server.paid.values()) * one
            assert paid == pytest.approx(done.tally.usd)
            assert paid <= budget < paid + 4 * one
            assert done.tally.stopped == "the budget is used up"


def test_a_budget_in_usd_holds_answers_to_a_length(tmp_path):
    with counting_server() as server:
        card = ModelCard("right", 1.0, 2.0, base_url=server.url)
        labelling.label(TASKS[:1], {"right": card}, tmp_path / "a", plan=Plan(limits=Limits(usd=1.0)))
        labelling.label(TASKS[:1], {"right": card}, tmp_path / "b")
    assert [body.get("max_tokens") for body in server.bodies] == [4096, None]


async def test_reservations_that_do_not_fit_wait_for_calls_under_way():
    budget = Budget(Limits(usd=1.0))
    assert await budget.reserve(0.7)
    waiting = asyncio.create_task(budget.reserve(0.7))
    await asyncio.sleep(0)
    assert not waiting.done()
    budget.settle(0.7, 0.2, paid=True)
    assert await waiting
    budget.settle(0.7, 0.7, paid=True)
    assert not await budget.reserve(0.7)
    assert (budget.usd, budget.calls) == (pytest.approx(0.9), 2)


def test_an_endpoint_that_says_later_is_asked_later_and_paid_once(tmp_path):
    with counting_server() as server:
        done = labelling.label(TASKS[:1], cards(server, "busy"), tmp_path)
    assert len(server.asked) == 3
    assert done.tally.calls == 1 and done.n_graded == 1


def test_an_answer_that_never_comes_is_a_doubt_that_counts_as_spent(tmp_path):
    with counting_server() as server:
        done = labelling.label(TASKS[:1], cards(server, "hangs", timeout_s=0.1), tmp_path)
    (outcome,) = done.outcomes()
    assert outcome.quality is None and outcome.error == "no answer within 0.1 s"
    assert (done.tally.in_doubt, done.tally.calls) == (1, 1)
    assert done.tally.usd > 0


def test_an_endpoint_that_is_not_there_costs_nothing_and_is_left_alone_soon(tmp_path):
    card = ModelCard("gone", 1.0, 2.0, base_url="http://127.0.0.1:9/v1", max_tokens=9)
    plan = Plan(tries=1, concurrency=1)
    done = labelling.label(TASKS, {"gone": card}, tmp_path, plan=plan)
    assert done.tally.failed == 20 and "no connection" in done.tally.given_up["gone"]
    assert (done.tally.usd, done.tally.calls, done.tally.in_doubt) == (0.0, 0, 0)
    assert [outcome.error for outcome in done.outcomes()][-1] == "not asked"


def test_an_endpoint_gets_no_more_calls_at_once_than_its_card_allows(tmp_path):
    with counting_server(delay_s=0.02) as server:
        labelling.label(TASKS, cards(server, "right", "wrong", max_concurrency=3), tmp_path)
    assert server.most_at_once == 3


def test_calls_start_no_faster_than_the_rate_of_the_endpoint(tmp_path):
    with counting_server() as server:
        start = time.monotonic()
        labelling.label(TASKS[:7], cards(server, "right", requests_per_minute=1200), tmp_path)
        assert time.monotonic() - start >= 6 * 60 / 1200


def test_two_runs_do_not_write_one_folder(tmp_path):
    with counting_server() as server, opened_writer(tmp_path / "journal.jsonl"):
        with pytest.raises(DataError, match="is being written by another run"):
            labelling.label(TASKS, cards(server, "right"), tmp_path)
        assert not server.asked


def test_a_disk_that_takes_no_more_ends_the_run_with_a_sentence(tmp_path):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no full disk to offer")

    async def write(file):
        await Writer(file, tmp_path / "journal.jsonl").append({"a": 1})

    with full.open("ab", buffering=0) as file, pytest.raises(DataError, match=r"written .*No space left"):
        asyncio.run(write(file))


def test_a_key_is_never_written_down(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-secret-7")
    card = ModelCard("m", 1.0, 2.0, base_url="http://sk-secret-7.invalid/v1", api_key_env="MY_KEY")
    labelling.label(TASKS[:1], {"m": card}, tmp_path, plan=Plan(tries=1))
    assert "sk-secret-7" not in (tmp_path / "journal.jsonl").read_text()


def test_the_dry_run_prints_the_bill_and_asks_nothing(tmp_path):
    with counting_server() as server:
        out, _ = begin(tmp_path, server, "--dry-run", "--budget-usd", "3").communicate()
        assert not server.asked
    assert "80 calls to make, about $0.00" in out and "the budget is $3" in out
    assert not (tmp_path / "out" / "journal.jsonl").exists()


def test_cells_are_asked_again_with_their_key_and_others_with_a_fresh_one(tmp_path):
    calls = []

    async def asker(call):
        calls.append(call)
        return await send(call)

    with counting_server() as server:
        model = cards(server, "right")
        path = tmp_path / "journal.jsonl"
        row = {"task_id": "sum-0", "model": "right", "asked": "k" * 32, "usd_at_most": 0.5, "time": ""}
        path.write_text(json.dumps(row) + "\n")
        done = labelling.label(TASKS[:2], model, tmp_path, asker=asker)
    assert [call.key == "k" * 32 for call in calls] == [True, False]
    assert done.tally.usd == pytest.approx(0.5 + 2 * 120e-6), "the doubt counts: it may have been paid for"


def test_many_outcomes_are_written_in_parts_that_read_as_one_table(tmp_path, monkeypatch):
    with counting_server() as server:
        labelling.label(TASKS, cards(server, "right", "wrong"), tmp_path / "whole")
        monkeypatch.setattr(labelling, "ROWS_PER_PART", 30)
        (tmp_path / "parts").mkdir()
        (tmp_path / "whole" / "journal.jsonl").rename(tmp_path / "parts" / "journal.jsonl")
        monkeypatch.setattr(labelling, "write_parts", partial(write_parts, rows_per_part=30))
        done = labelling.label(TASKS, cards(server, "right", "wrong"), tmp_path / "parts")
    assert done.path.is_dir() and done.n_outcomes == done.n_graded == 80
    assert len(list(done.path.iterdir())) == 3
    assert load_outcomes(done.path).digest == load_outcomes(tmp_path / "whole" / "outcomes.parquet").digest


def test_writing_fewer_parts_leaves_no_old_ones(tmp_path):
    rows = [Outcome(f"t{i}", "p", "m", 1.0) for i in range(10)]
    assert write_parts(rows, tmp_path, rows_per_part=3) == 10
    assert write_parts(rows[:4], tmp_path, rows_per_part=3) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part-00000.parquet", "part-00001.parquet"]


@pytest.mark.parametrize("workers", [1, 2])
def test_as_many_processes_as_one_likes_give_the_same_grades(tmp_path, workers):
    tasks = [Task(f"p{i}", f"t{i}", reference=str(i % 7), grader="numeric") for i in range(2_100)]
    rows = [
        {"task_id": t.task_id, "model": "m", "prompt": t.prompt, "response": f"It is {i % 5}."}
        for i, t in enumerate(tasks)
    ]
    (tmp_path / "journal.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    card = {"m": ModelCard("m", 1.0, 1.0)}
    how = Grading(workers=workers)
    done = labelling.label(tasks, card, tmp_path, grading=how, ask_models=False)
    assert [outcome.quality for outcome in done.outcomes()] == [float(i % 7 == i % 5) for i in range(2_100)]
