"""Does a promise hold as often as it says? Measured on public tables whose held-out tasks stand for all traffic."""

import numpy as np
import pytest

from router_training.catalogue import usd_per_call
from router_training.guarantee import safe_to_cheap
from router_training.judging.risk_control import certify
from router_training.learning.selection import Candidate
from router_training.policy import fit_policy
from tests.benchmarks.shared_tables import read_catalogue, read_table

pytestmark = pytest.mark.benchmark
SHARE, ALPHA, SPLITS = 0.97, 0.05, 200
SEEN = 2000  # prompts that each split has for calibration


@pytest.mark.parametrize("name", ["mmlu_pro6", "routellm2", "zeroeval9"])
def test_over_200_resamples_the_promise_is_broken_no_more_often_than_it_says(name, minilm, capsys):
    table = read_table(name)
    train, rest = table.split(0.4)
    candidates = [Candidate("logistic", {"C": 0.1})]
    policy = fit_policy(train, catalogue=read_catalogue(name, table), encoder=minilm, candidates=candidates)
    usd = usd_per_call(rest, policy.catalogue)
    complete = np.flatnonzero(np.isfinite(rest.quality).all(axis=1) & np.isfinite(usd).all(axis=1))
    first = complete[np.unique(rest.groups[complete], return_index=True)[1]]  # one task per group: all alike
    quality, usd = rest.quality[first], usd[first]
    forecasts = policy.forecast([rest.prompts[i] for i in first])
    choices = np.stack([policy.decide(forecasts, dial) for dial in safe_to_cheap(policy)])
    rows, best = np.arange(len(first)), quality.mean(axis=0).argmax()
    shares = np.array([quality[rows, choice].mean() for choice in choices]) / quality[:, best].mean()
    costs = np.array([usd[rows, choice].mean() for choice in choices]) / usd[:, best].mean()
    rng, steps = np.random.default_rng(0), []
    for _ in range(SPLITS):
        drawn = rng.integers(0, len(first), SEEN)  # independent draws: the truth is exactly that of all
        found = certify(quality[drawn], choices[:, drawn], np.arange(SEEN), share=SHARE, alpha=ALPHA)
        steps.append(found.step)
    kept = np.array([step for step in steps if step is not None], dtype=np.int64)
    broken = float((shares[kept] < SHARE).sum()) / SPLITS
    with capsys.disabled():
        print(
            f"\n{name}: quality>={SHARE} of best, confidence {1 - ALPHA:g}, {SEEN} prompts, {SPLITS} resamples"
        )
        print(f"  broken {broken:.1%}, refused {1 - len(kept) / SPLITS:.0%}")
        if len(kept):
            print(
                f"  true quality share {np.median(shares[kept]):.3f}, cost share {np.median(costs[kept]):.2f} (medians)"
            )
        print(
            f"  cheapest dial that truly keeps it: cost share {costs[shares >= SHARE].min(initial=np.inf):.2f}"
        )
    assert broken <= ALPHA + 2.0 * np.sqrt(ALPHA * (1.0 - ALPHA) / SPLITS)
