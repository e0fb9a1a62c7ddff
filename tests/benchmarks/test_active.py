"""What labelling by design saves: the lift reached with 40% of the cells, beside drawn tasks and the full grid.

A share strays by about 3 points from split to split; POINTSMAN_BENCH_SEEDS=0,1,2,3,4,5,6,7,8,9 tells more.
"""

import os

import numpy as np
import pytest

from router_training.active_design import Labels, in_race, next_cells
from router_training.catalogue import usd_per_call
from router_training.contract import Forecasts
from router_training.embedding import load_encoder
from router_training.evaluation import evaluate
from router_training.learning.selection import Candidate
from router_training.outcomes import OutcomeTable
from router_training.policy import fit_policy
from tests.benchmarks.shared_tables import prefix_groups, read_catalogue, read_table, split_by

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]
SEEDS = tuple(int(seed) for seed in os.environ.get("POINTSMAN_BENCH_SEEDS", "0,1,2").split(","))
SHARE = 0.4
BATCH, GROWTH = 600, 0.5
BLEND = (Candidate("blend", {}),)
REACHED = 0.95
NEVER_USD = 1e9


@pytest.fixture(scope="module")
def encoder():
    return load_encoder()


def labelled(train, asked, racing):
    """Return the cells that were asked, of the models in the race: what `fit_policy` learns from."""
    tasks = {name: i for i, name in enumerate(train.task_ids)}
    models = {name: j for j, name in enumerate(train.models)}
    rows, columns = train.frame["task_id"].map(tasks), train.frame["model"].map(models)
    kept = (asked & racing)[rows.to_numpy(dtype=np.int64), columns.to_numpy(dtype=np.int64)]
    return OutcomeTable.from_frame(train.frame[kept].reset_index(drop=True), train.origin)


def active(train, vectors, usd, rng):
    """Ask until SHARE of the grid is asked, in growing batches, and return what was asked and who is in the race."""
    asked = np.zeros(train.quality.shape, dtype=bool)
    total = round(SHARE * asked.size)
    while asked.sum() < total:
        known = Labels(vectors, usd, np.where(asked, train.quality, np.nan), asked)
        batch = min(total - int(asked.sum()), max(BATCH, int(GROWTH * asked.sum())))
        asked = asked | next_cells(known, batch, rng)
    return asked, in_race(Labels(vectors, usd, np.where(asked, train.quality, np.nan), asked))


def drawn(train, rng):
    """Ask all models about SHARE of the tasks, drawn at random."""
    n, m = train.quality.shape
    some = np.isin(np.arange(n), rng.permutation(n)[: round(SHARE * n)])
    return np.repeat(some[:, None], m, axis=1), np.ones(m, dtype=bool)


def lift_of(table, test, catalogue, encoder, seed):
    """Return the hull lift over the mixes of all models of the test part; models unknown to the router are never asked."""
    policy = fit_policy(table, catalogue=catalogue, encoder=encoder, seed=seed, candidates=BLEND)
    own = policy.forecast_vectors(test.prompts, encoder.encode_cached(test.prompts))
    at = [test.models.index(name) for name in own.models]
    p, usd, seconds = (np.full(test.quality.shape, value) for value in (0.0, NEVER_USD, np.nan))
    p[:, at], usd[:, at], seconds[:, at] = own.p_success, own.usd, own.latency_s
    known = Forecasts(test.models, p, usd, seconds, own.novelty)
    dials = 1.0 / (1.0 + np.logspace(-3.0, 3.0, 51))
    return evaluate(policy, test, n_boot=0, forecasts=known, dials=dials).lift.value


@pytest.mark.parametrize("name", ["routellm2", "mmlu_pro6"])
def test_with_40_percent_of_the_cells_nearly_all_of_the_lift_is_reached(name, encoder, capsys):
    table = read_table(name)
    catalogue, lifts = read_catalogue(name, table), []
    for seed in SEEDS:
        train, test = (table.take(rows) for rows in split_by(prefix_groups(table), seed))
        usd = np.broadcast_to(np.nanmean(usd_per_call(train, catalogue), axis=0), train.quality.shape)
        everything = np.ones(train.quality.shape, dtype=bool), np.ones(len(train.models), dtype=bool)
        by_design = active(train, encoder.encode_cached(train.prompts), usd, np.random.default_rng(seed))
        designs = (everything, drawn(train, np.random.default_rng(seed)), by_design)
        lifts.append(
            [lift_of(labelled(train, *design), test, catalogue, encoder, seed) for design in designs]
        )
        with capsys.disabled():
            asked, racing = by_design
            print(
                f"\n{name}, seed {seed}: lift {lifts[-1][0]:+.4f} full grid, {lifts[-1][1]:+.4f} drawn tasks, "
                f"{lifts[-1][2]:+.4f} by design; {asked.mean():.0%} of the cells, "
                f"in the race: {', '.join(np.array(train.models)[racing])}",
                flush=True,
            )
    full, at_random, designed = np.mean(lifts, axis=0)
    with capsys.disabled():
        print(
            f"{name}: {SHARE:.0%} of the cells reach {designed / full:.0%} of the full grid's lift by design, "
            f"{at_random / full:.0%} by drawn tasks (mean of {len(SEEDS)} splits)"
        )
    assert designed >= REACHED * full
