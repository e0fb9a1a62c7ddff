"""Labelling by design against an endpoint that counts: the cap holds, who cannot win is asked little, nothing twice."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from orchestrator.cli import app
from router_training.contract import ModelCard, Task
from router_training.labelling import write_tasks
from router_training.labels.asking import Plan
from router_training.labels.budget import Limits
from router_training.labels.designed import draw, label_by_design
from router_training.labels.grading import Grading
from tests.counting_server import counting_server

pytestmark = pytest.mark.integration
N = 260
TASKS = [Task(f"What is {n} + 1?", f"sum-{n}", "sum", str(n + 1), "numeric") for n in range(N)]
VECTORS = np.random.default_rng(0).normal(size=(N, 6)).astype(np.float32)


@pytest.fixture
def run(tmp_path):
    with counting_server() as server:
        catalogue = {
            "right": ModelCard("right", 1.0, 2.0, base_url=server.url, max_tokens=9),
            "wrong": ModelCard("wrong", 2.0, 4.0, base_url=server.url, max_tokens=9),
        }

        def labelled(cells, plan=None, said=lambda _: None):
            return label_by_design(
                TASKS,
                catalogue,
                tmp_path,
                vectors=VECTORS,
                cells=cells,
                plan=plan or Plan(concurrency=32),
                grading=Grading(),
                said=said,
            )

        yield server, labelled


def test_the_cap_holds_and_a_model_that_cannot_win_leaves_the_table(run, tmp_path):
    server, labelled = run
    said = []
    done = labelled(320, said=said.append)
    assert len(server.asked) <= 320 and max(server.paid.values()) == 1
    assert done.out_of_race == ("wrong",) and "left the race" in said[-1]
    table = pd.read_parquet(done.labelled.path)
    assert set(table["model"]) == {"right"}
    asked = {model: sum(one == model for one, _ in server.asked) for model in ("right", "wrong")}
    assert asked["wrong"] < asked["right"]


def test_it_stops_where_more_labels_bring_nothing(run):
    server, labelled = run
    said = []
    labelled(2 * N, said=said.append)
    assert len(server.asked) < 2 * N and any("hardly pay" in sentence for sentence in said)


def test_the_same_command_again_asks_nothing_more(run):
    server, labelled = run
    labelled(320)
    before = len(server.asked)
    labelled(320)
    assert len(server.asked) == before


def test_a_budget_ends_it_and_a_larger_one_continues(run):
    server, labelled = run
    first = labelled(320, Plan(concurrency=8, limits=Limits(None, 50)))
    assert len(server.asked) == 50 and first.labelled.tally.stopped
    labelled(320)
    assert 200 < len(server.asked) <= 320 and max(server.paid.values()) == 1


@pytest.mark.parametrize("design", ["random", "active"])
def test_the_command_samples_as_it_is_told(tmp_path, design):
    write_tasks(TASKS, tmp_path / "tasks.jsonl")
    with counting_server() as server:
        price = f'usd_per_mtok_in = 1\nusd_per_mtok_out = 2\nbase_url = "{server.url}"\nmax_tokens = 9\n'
        (tmp_path / "models.toml").write_text(f"[models.right]\n{price}[models.wrong]\n{price}")
        command = ["label", str(tmp_path / "tasks.jsonl"), "--models", str(tmp_path / "models.toml")]
        command += ["--out", str(tmp_path / "out"), "--sample", "10", "--design", design]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == 0, done.output
        assert len(server.asked) == 20
        assert len({prompt for _, prompt in server.asked}) == 10


def test_drawn_tasks_keep_the_order_of_the_file_and_the_seed():
    some = draw(TASKS, 20, 3)
    assert some == draw(TASKS, 20, 3) != draw(TASKS, 20, 4) and len(some) == 20
    assert [TASKS.index(task) for task in some] == sorted(TASKS.index(task) for task in some)
    assert draw(TASKS, 10_000, 0) == TASKS
