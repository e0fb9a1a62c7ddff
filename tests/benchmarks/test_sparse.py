"""What is left of the lift where outcomes are missing, and what a model brings that joins with few labels."""

import numpy as np
import pytest

from router_training.adding import FEWEST_LABELS, add_model
from router_training.embedding import load_encoder
from router_training.evaluation import evaluate
from router_training.learning.selection import Candidate, area_under_roc
from router_training.outcomes import OutcomeTable
from router_training.policy import fit_policy
from tests.benchmarks.shared_tables import prefix_groups, read_catalogue, read_table, split_by

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]
NAME = "mmlu_pro6"
SEEDS = (0, 1, 2)
MISSING = 0.4
LABELS = (FEWEST_LABELS, 100, 300, 1000)
DRAWS = 3
NOISE = 0.015
"""What one draw of labels may lose by bad luck: a guard against a defect, chosen above the worst draws seen."""
JOINT = (Candidate("joint", {"C": 0.1, "own": 0.05}),)


@pytest.fixture(scope="module")
def encoder():
    return load_encoder()


@pytest.fixture(scope="module")
def table():
    return read_table(NAME)


def parts(table, seed):
    train, test = split_by(prefix_groups(table), seed)
    return table.take(train), table.take(test)


def without(table, rows):
    """Return the table without these rows (a mask) of its long form."""
    return OutcomeTable.from_frame(table.frame[~rows].reset_index(drop=True), table.origin)


def judged(policy, test):
    known = policy.forecast_vectors(test.prompts, policy.encoder.encode_cached(test.prompts))
    return known, evaluate(policy, test, n_boot=0, forecasts=known).lift.value


def test_with_40_percent_of_the_grid_missing_four_fifths_of_the_lift_remain(table, encoder, capsys):
    catalogue, lifts = read_catalogue(NAME, table), []
    for seed in SEEDS:
        train, test = parts(table, seed)
        holes = np.random.default_rng(seed).random(len(train.frame)) < MISSING
        fits = [
            fit_policy(part, catalogue=catalogue, encoder=encoder, seed=seed)
            for part in (train, without(train, holes))
        ]
        lifts.append([judged(policy, test)[1] for policy in fits])
        with capsys.disabled():
            winners = ", ".join(policy.metadata["winner"] for policy in fits)
            print(
                f"\n{NAME}, seed {seed}: lift {lifts[-1][0]:+.4f} full, {lifts[-1][1]:+.4f} sparse ({winners})"
            )
    full, sparse = np.mean(lifts, axis=0)
    with capsys.disabled():
        print(f"{NAME}: {sparse / full:.0%} of the lift remains with {MISSING:.0%} of the grid missing")
    assert sparse >= 0.8 * full


def test_a_model_that_joins_with_few_labels_makes_no_router_worse(table, encoder, capsys):
    """Each model is hidden in turn; lifts are against the mixes of all six, so not adding one may be below 0."""
    catalogue = read_catalogue(NAME, table)
    train, test = parts(table, 0)
    whole = fit_policy(train, catalogue=catalogue, encoder=encoder, candidates=JOINT)
    everything, full = judged(whole, test)
    gains = {n: [] for n in LABELS}
    for j, name in enumerate(table.models):
        policy = fit_policy(
            without(train, train.frame["model"] == name),
            catalogue=catalogue,
            encoder=encoder,
            candidates=JOINT,
        )
        never = _without_it(policy, name, train, catalogue, test)
        line = f"{name[:28]:28s} not added {never:+.4f}"
        for n in LABELS:
            found = [_added(policy, name, train, catalogue, test, n, draw) for draw in range(DRAWS)]
            gains[n] += [lift - never for lift, _ in found]
            lift, auc = np.mean(found, axis=0)
            line += f" | {n}: {lift:+.4f} auc {auc:.3f}"
        with capsys.disabled():
            print(f"\n{line} | all: {full:+.4f} auc {_auc(everything, test, name, j):.3f}", end="")
    with capsys.disabled():
        for n, gain in gains.items():
            print(
                f"\n{n} labels: {np.mean(gain):+.4f} against not adding it, worst draw {min(gain):+.4f}",
                end="",
            )
    assert min(min(gain) for gain in gains.values()) > -NOISE
    assert np.mean(gains[LABELS[-1]]) > 0.0


def _auc(forecasts, test, name, j):
    quality = test.quality[:, test.models.index(name)]
    seen = np.isfinite(quality)
    return area_under_roc(forecasts.p_success[seen, j], quality[seen])


def _grown(policy, name, train, catalogue, n, draw):
    own = train.frame[train.frame["model"] == name]
    rows = np.random.default_rng(draw).permutation(len(own))[:n]
    table = OutcomeTable.from_frame(own.iloc[np.sort(rows)].reset_index(drop=True))
    return add_model(policy, name, table, catalogue, curve=False).policy


def _added(policy, name, train, catalogue, test, n, draw):
    known, lift = judged(_grown(policy, name, train, catalogue, n, draw), test)
    return lift, _auc(known, test, name, known.models.index(name))


def _without_it(policy, name, train, catalogue, test):
    """Return the lift against the mixes of all models of a router that has the model and never chooses it."""
    grown = _grown(policy, name, train, catalogue, FEWEST_LABELS, 0)
    known = grown.forecast_vectors(test.prompts, grown.encoder.encode_cached(test.prompts))
    known.usd[:, known.models.index(name)] = 1e9
    dials = 1.0 / (1.0 + np.logspace(-3.0, 3.0, 51))
    return evaluate(grown, test, n_boot=0, forecasts=known, dials=dials).lift.value
