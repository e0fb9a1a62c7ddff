"""From outcomes to a finished report: what it costs in seconds and memory; `make bench` prints the table."""

import resource
import time
import zlib

import numpy as np
import pandas as pd
import pytest

from router_training.contract import ModelCard
from router_training.embedding import load_encoder
from router_training.judgement import judge_policy
from router_training.judging.controls import Grid
from router_training.judging.paired import paired_statistics
from router_training.learning.selection import Candidate
from router_training.outcomes import OutcomeTable
from router_training.planning import changed, frontier, read_plan
from router_training.policy import fit_policy
from router_training.reporting.files import PAGE, write_judgement
from router_training.training import train_router
from tests.benchmarks.shared_tables import read_catalogue, read_table
from tests.benchmarks.test_speed import show

pytestmark = pytest.mark.benchmark

RESAMPLES = 10_000


class Watch:
    """Wall and processor seconds since it was made."""

    def __init__(self):
        self.wall, self.used = time.perf_counter(), time.process_time()

    def __str__(self):
        return (
            f"{time.perf_counter() - self.wall:.1f} s, {time.process_time() - self.used:.1f} s of processor"
        )


def gigabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def test_ten_thousand_resamples_of_twelve_thousand_tasks():
    rng, n, m, k = np.random.default_rng(0), 12_000, 6, 52
    quality, usd = (rng.random((n, m)) < 0.6).astype(float), rng.random((n, m))
    grid = Grid(tuple("abcdef"), quality, usd, usd, (None,) * n)
    choices, twin = rng.integers(0, m, (2, k, n))
    watch = Watch()
    _, resamples = paired_statistics(grid, choices, twin, 10, RESAMPLES, 0, 12)
    show(
        "Paired bootstrap",
        ("12,000 tasks, 6 models, 52 dials and a twin", "taken", "at most"),
        [(f"{RESAMPLES:,} resamples", str(watch), "10 s")],
    )
    assert resamples.shape[0] == RESAMPLES


def test_from_a_public_table_to_its_report(tmp_path):
    table = read_table("mmlu_pro6")
    encoder, catalogue = load_encoder(), read_catalogue("mmlu_pro6", table)
    encoder.encode_cached(table.prompts)
    watch = Watch()
    trained = train_router(table, tmp_path, catalogue=catalogue, encoder=encoder)
    rows = [("table to router and report, vectors cached", str(watch), "60 s")]
    watch = Watch()
    judged = judge_policy(
        trained.policy, trained.test, twin_p=trained.policy.twin.p_success, n_boot=RESAMPLES
    )
    write_judgement(judged, tmp_path / "again")
    rows.append(("report of a trained router", str(watch), ""))
    watch = Watch()
    plan = read_plan(tmp_path / "policy")
    frontier(changed(plan, dropped=plan.models[:1]))
    rows.append(("what-if from the saved policy", str(watch), "1 s"))
    rows.append(("most memory", f"{gigabytes():.2f} GB", "1.5 GB"))
    rows.append(("page", f"{(tmp_path / 'again' / PAGE).stat().st_size / 1e6:.1f} MB", "5 MB"))
    show(f"{len(table):,} tasks x {len(table.models)} models", ("", "taken", "at most"), rows)


class Known:
    """An encoder that knows all vectors beforehand."""

    def __init__(self, encoder, dim=32):
        self.digest, self.name, self.settings, self.dim = encoder.digest, encoder.name, encoder.settings, dim

    def encode_cached(self, texts, cache_dir=None, progress=None):
        seeds = np.array([zlib.crc32(text.encode()) for text in texts], dtype=np.uint64)
        rng = np.random.default_rng(0)
        waves = np.sin(seeds[:, None] * rng.random(self.dim)).astype(np.float32)
        return waves / np.linalg.norm(waves, axis=1, keepdims=True)

    def encode(self, texts):
        return self.encode_cached(texts)


def test_a_million_rows(tmp_path):
    n, models = 166_667, tuple("abcdef")
    rng = np.random.default_rng(0)
    skill = np.linspace(0.4, 0.85, len(models))
    watch = Watch()
    easy = rng.random(n)
    frame = pd.DataFrame(
        {
            "task_id": np.repeat([f"t{i:06}" for i in range(n)], len(models)),
            "prompt": np.repeat(
                [f"task number {i} of many, about matter {i % 977}" for i in range(n)], len(models)
            ),
            "model": np.tile(models, n),
            "quality": (rng.random((n, len(models))) < np.clip(skill + 0.5 * (easy[:, None] - 0.5), 0, 1))
            .astype(float)
            .ravel(),
            "cost_usd": (np.logspace(-5, -3, len(models)) * rng.uniform(0.5, 1.5, (n, len(models)))).ravel(),
            "prompt_tokens": np.repeat(rng.integers(5, 500, n), len(models)),
            "completion_tokens": rng.integers(1, 900, n * len(models)),
        }
    )
    cards = {name: ModelCard(name, 10.0**j / 100, 10.0**j / 50) for j, name in enumerate(models)}
    policy_table = OutcomeTable.from_frame(frame.iloc[: 2_000 * len(models)])
    encoder = Known(load_encoder())
    policy = fit_policy(
        policy_table, catalogue=cards, encoder=encoder, candidates=[Candidate("logistic", {"C": 1.0})]
    )
    rows = [("synthetic rows, and a small policy", str(watch), "")]
    watch = Watch()
    table = OutcomeTable.from_frame(frame)
    rows.append((f"{len(frame):,} rows checked", str(watch), ""))
    judged = judge_policy(policy, table, n_boot=1000)
    rows.append(("checked and judged, 1,000 resamples", str(watch), ""))
    write_judgement(judged, tmp_path)
    rows.append(("to the finished report", str(watch), "300 s"))
    rows.append(("page", f"{(tmp_path / PAGE).stat().st_size / 1e6:.1f} MB", "5 MB"))
    rows.append(("most memory", f"{gigabytes():.2f} GB", ""))
    show("A million rows", ("", "taken", "at most"), rows)
