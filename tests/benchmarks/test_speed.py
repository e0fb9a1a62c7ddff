"""What training, forecasting and deciding cost, each beside a peer in the same run; `make bench` prints the tables."""

import time
from statistics import median

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression

from router_training import success_models
from router_training.embedding import load_encoder
from router_training.learning.neighbours import Compared, keep_rows, recall
from router_training.learning.selection import Candidate
from router_training.policy import fit_policy, load_policy
from tests.benchmarks.shared_tables import STARTER, read_catalogue, read_table

pytestmark = pytest.mark.benchmark

PROMPT = "Please tell me how many metres there are in 3.5 kilometres, and answer only with the number."
MOST_MEGABYTES = 60.0


def timed(call):
    start = time.perf_counter()
    found = call()
    return time.perf_counter() - start, found


def interleaved_ms(calls, rounds=20, repeats=10):
    """Return (median, least) milliseconds of each call; rounds take turns, so that all see the same machine.

    In each round a call is repeated, the first time unmeasured: the threads of the one before have then come to rest.
    """
    taken = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            call()
            taken[name] += [1000.0 * timed(call)[0] for _ in range(repeats)]
    return {name: (median(values), min(values)) for name, values in taken.items()}


def show(title, columns, rows):
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right" if table.columns else "left")
    for row in rows:
        table.add_row(*row)
    console = Console(width=110)
    console.print()
    console.print(table)


def folder_megabytes(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def sentence_transformer():
    from sentence_transformers import SentenceTransformer

    from router_training.encoding.encoder_source import find_source

    return SentenceTransformer(find_source("all-MiniLM-L6-v2").location, device="cpu")


def test_training_on_twelve_thousand_tasks_and_the_size_of_the_policy(tmp_path):
    table = read_table("mmlu_pro6")
    encoder = load_encoder()
    encode_s, vectors = timed(lambda: encoder.encode_cached(table.prompts, tmp_path))
    fit_s, policy = timed(lambda: fit_policy(table, cache_dir=tmp_path))
    peer = LogisticRegression(C=0.1, max_iter=1000)
    peer_s, _ = timed(lambda: peer.fit(vectors, table.quality[:, 0] > 0))
    policy.save(tmp_path / "policy")
    load_s, _ = timed(lambda: load_policy(tmp_path / "policy"))
    megabytes = folder_megabytes(tmp_path / "policy")
    n, m = table.quality.shape
    rows = [
        ("from text (encode and fit)", f"{encode_s + fit_s:.1f} s", "300 s"),
        ("with cached vectors", f"{fit_s:.1f} s", "90 s"),
        (f"peer: one scikit-learn regression of the {m} models, once", f"{peer_s:.2f} s", ""),
        ("policy on disk", f"{megabytes:.1f} MB", f"{MOST_MEGABYTES:g} MB"),
        ("policy read back", f"{load_s:.2f} s", ""),
    ]
    show(
        f"training on {n:,} tasks, {m} models; winner {policy.metadata['winner']}", ("", "", "at most"), rows
    )
    assert megabytes < MOST_MEGABYTES


def starter_policy(folder, name):
    table = read_table(STARTER).take(range(400))
    candidates = [Candidate(name)]
    fit_policy(table, catalogue=read_catalogue(STARTER, table), candidates=candidates).save(folder)
    return load_policy(folder)


def test_forecasting_ten_thousand_short_prompts(tmp_path):
    policy = starter_policy(tmp_path, "logistic")
    prompts = [f"{PROMPT} Case {number}." for number in range(10_000)]
    peer = sentence_transformer()
    policy.forecast(prompts[:100])
    seconds, forecasts = timed(lambda: policy.forecast(prompts))
    peer_s, _ = timed(lambda: peer.encode(prompts[:1000], batch_size=32, show_progress_bar=False))
    rows = [
        ("policy.forecast, encoding included", f"{len(prompts) / seconds:,.0f}", "600"),
        ("peer: sentence-transformers, vectors alone", f"{1000 / peer_s:,.0f}", ""),
    ]
    show("prompts of 25 tokens per second", ("", "per second", "at least"), rows)
    assert len(forecasts) == len(prompts)


def test_one_decision_whatever_the_success_model(tmp_path):
    policies = {name: starter_policy(tmp_path / name, name) for name in success_models.available()}
    calls = {
        f"policy.choose, {name}": lambda p=policy: p.choose([PROMPT]) for name, policy in policies.items()
    }
    encoder = load_encoder()
    calls["the vector alone"] = lambda: encoder.encode([PROMPT])
    taken = interleaved_ms(calls)
    peer = sentence_transformer()  # not before: PyTorch's threads spin, and what is served never imports it
    taken |= interleaved_ms(
        {
            "peer: vector by sentence-transformers": lambda: peer.encode([PROMPT], show_progress_bar=False),
            "the vector alone, in turn with the peer": calls["the vector alone"],
        }
    )
    rows = [(name, f"{middle:.2f}", f"{least:.2f}") for name, (middle, least) in taken.items()]
    show("one decision at 20 tokens, in ms; at most 3 at the median", ("", "median", "least"), rows)


SIZES = (1_000, 10_000, 100_000, 1_000_000)
PARAMETRIC = ("logistic", "cluster")
DIM = 48


def labels(n, rng, dim=DIM):
    X = rng.normal(size=(n, dim)).astype(np.float32)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    chance = 1.0 / (1.0 + np.exp(-6.0 * X[:, :2]))
    return X, (rng.random((n, 2)) < chance).astype(np.float64)


def test_a_decision_costs_the_same_however_many_labels_were_learnt_from():
    rng = np.random.default_rng(0)
    rows, sizes = [], {}
    one = labels(1, rng)[0]
    calls = {}
    for n in SIZES:
        X, quality = labels(n, rng)
        for name in (*PARAMETRIC, "knn"):
            model = success_models.load(name).fit(X, quality)
            sizes[name, n] = sum(array.nbytes for array in model.to_arrays().values()) / 1e6
            calls[name, n] = lambda model=model: model.predict(one)
        peer = LogisticRegression(C=0.1).fit(X[:10_000], quality[:10_000, 0])
        calls["peer: scikit-learn predict_proba, one model", n] = lambda peer=peer: peer.predict_proba(one)
    taken = interleaved_ms(calls)
    for name in dict.fromkeys(name for name, _ in calls):
        cells = [f"{1000 * taken[name, n][0]:.0f} ({sizes.get((name, n), 0.0):.1f} MB)" for n in SIZES]
        rows.append((name, *cells))
    columns = ("one forecast, µs (kept)", *(f"{n:,} labels" for n in SIZES))
    show(f"cost of a forecast against labels, {DIM} inputs", columns, rows)
    for name in PARAMETRIC:
        # from few labels fewer clusters are made
        assert sizes[name, SIZES[1]] == pytest.approx(sizes[name, SIZES[-1]], rel=0.1)


def test_an_index_finds_the_nearest_faster_than_comparing_all():
    rng = np.random.default_rng(0)
    centres = labels(400, rng, dim=396)[0]
    rows = []
    for n in (10_000, 32_768):
        near = centres[rng.integers(0, 400, n)] + 0.04 * rng.normal(size=(n, 396))
        kept = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
        build_s, indexed = timed(lambda kept=kept: keep_rows(kept))
        compared = Compared(kept)
        calls = {
            "index": lambda indexed=indexed, kept=kept: indexed.search(kept[:1], 100),
            "comparing all": lambda compared=compared, kept=kept: compared.search(kept[:1], 100),
        }
        taken = interleaved_ms(calls)
        found = recall(indexed, kept, 100)
        times = [f"{taken[name][0]:.2f}" for name in calls]
        rows.append((f"{n:,} rows", *times, f"{found:.3f}", f"{build_s:.1f}"))
        assert found > 0.9
    columns = ("100 nearest of 396 inputs", "index, ms", "comparing all, ms", "recall", "built in s")
    show("neighbours of one prompt", columns, rows)
