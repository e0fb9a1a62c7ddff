"""What another policy would have come to, from traffic that it did not serve; checked where the truth is known."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from router_training.catalogue import load_catalogue, usd_per_call
from router_training.contract import DataError, Forecasts, ModelCard, Outcome
from router_training.learning.selection import Candidate
from router_training.off_policy import estimate, logged, replay
from router_training.outcomes import OutcomeTable, load_outcomes
from router_training.policy import fit_policy
from router_training.tables.rows import outcomes_of_table

STARTER = Path(__file__).parents[1] / "datasets" / "starter"
ROW = Outcome("r", "hi", "m", 1.0, cost_usd=0.1, prompt_tokens=10, completion_tokens=20, propensity=0.5)


class Remembering:
    """A policy whose forecasts of a table's prompts are made once: 400 logs ask for them."""

    def __init__(self, policy, table):
        self.models, self.decide = policy.models, policy.decide
        self._known, self._place = policy.forecast(table.prompts), {p: i for i, p in enumerate(table.prompts)}

    def forecast(self, prompts):
        rows = [self._place[prompt] for prompt in prompts]
        known = self._known
        return Forecasts(
            known.models, known.p_success[rows], known.usd[rows], known.latency_s[rows], known.novelty[rows]
        )


def explored(policy, table, usd, share, rng, n, dial=0.8):
    """Return n requests as a policy logs them that explores this share, drawn from a fully labelled table."""
    choice = policy.decide(policy.forecast(table.prompts), dial)
    columns = [table.models.index(name) for name in policy.models]
    rows = []
    for k, i in enumerate(rng.integers(0, len(table), n)):
        asked, others = int(choice[i]), len(policy.models) - 1
        propensity = 1.0 - share
        if rng.random() < share:
            asked = int((asked + rng.integers(1, others + 1)) % (others + 1))
            propensity = share / others
        j = columns[asked]
        rows.append(
            Outcome(
                f"r{k}",
                table.prompts[i],
                policy.models[asked],
                float(table.quality[i, j]),
                cost_usd=float(usd[i, j]),
                propensity=propensity,
            )
        )
    return rows


def truth(policy, table, usd, dial):
    choice = policy.decide(policy.forecast(table.prompts), dial)
    columns = np.array([table.models.index(name) for name in policy.models])[choice]
    rows = np.arange(len(table))
    return table.quality[rows, columns].mean(), usd[rows, columns].mean()


def test_the_policy_that_logged_is_estimated_at_what_it_came_to(two_kinds_policy, more_of_two_kinds):
    table, usd = more_of_two_kinds, usd_per_call(more_of_two_kinds, two_kinds_policy.catalogue)
    rows = explored(two_kinds_policy, table, usd, 0.2, np.random.default_rng(0), 3000)
    found = replay(logged(rows), two_kinds_policy, 0.8)
    quality, paid = truth(two_kinds_policy, table, usd, 0.8)
    for one, true in ((found.quality, quality), (found.usd, paid)):
        for interval in (one.ips, one.snips, one.dr):
            assert interval.low <= true <= interval.high
    assert found.n == 3000 and 0.7 < found.agreement < 0.9 and found.effective > 2000


def test_prices_of_a_catalogue_stand_in_for_those_that_were_paid():
    log = logged([ROW], {"m": ModelCard("m", 100.0, 1000.0)})
    assert log.usd.tolist() == [pytest.approx((10 * 100 + 20 * 1000) / 1e6)]
    assert logged([replace(ROW, prompt_tokens=None)], {"m": ModelCard("m", 100.0, 1000.0)}).usd.tolist() == [
        0.1
    ]


def test_rows_without_a_propensity_a_label_or_a_price_are_left_out_and_counted():
    rows = [ROW, replace(ROW, propensity=None), replace(ROW, quality=None), replace(ROW, cost_usd=None)]
    log = logged([*rows, replace(ROW, propensity=0.0)])
    assert (len(log), log.n_left_out) == (1, 4)


def test_a_log_that_says_too_little_is_refused_in_a_sentence(two_kinds_policy, more_of_two_kinds):
    table, usd = more_of_two_kinds, usd_per_call(more_of_two_kinds, two_kinds_policy.catalogue)
    with pytest.raises(DataError, match="no logged request has a propensity"):
        replay(logged([]), two_kinds_policy, 0.8)
    few = explored(two_kinds_policy, table, usd, 0.2, np.random.default_rng(0), 60)
    with pytest.raises(DataError, match="an estimate needs 100; log more traffic"):
        replay(logged(few), two_kinds_policy, 0.8)
    never = explored(two_kinds_policy, table, usd, 0.0, np.random.default_rng(0), 2000)
    with pytest.raises(DataError, match="would choose otherwise on about"):
        replay(logged(never), two_kinds_policy, 0.0)


def test_without_weights_all_three_are_the_plain_mean():
    reward = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    found = estimate(reward, np.ones(5), np.full(5, 0.3), np.full(5, 0.3))
    assert found.ips.value == found.snips.value == pytest.approx(found.dr.value) == pytest.approx(0.6)


def test_a_table_comes_back_as_the_outcomes_it_was_made_of(two_kinds):
    assert OutcomeTable.from_outcomes(outcomes_of_table(two_kinds)).digest == two_kinds.digest


@pytest.mark.slow
def test_intervals_cover_the_truth_on_a_fully_labelled_table_over_200_logs(minilm, vector_folder, capsys):
    table, catalogue = load_outcomes(STARTER / "outcomes.parquet"), load_catalogue(STARTER / "models.toml")
    train, test = table.split(0.4, 0)
    policy = fit_policy(
        train,
        catalogue=catalogue,
        encoder=minilm,
        candidates=[Candidate("logistic", {"C": 0.3})],
        cache_dir=vector_folder,
    )
    usd, policy = usd_per_call(test, catalogue), Remembering(policy, test)
    for dial in (0.8, 0.5):
        quality, paid = truth(policy, test, usd, dial)
        hits = dict.fromkeys(("ips", "snips", "dr"), 0) | dict.fromkeys(("usd ips", "usd snips", "usd dr"), 0)
        for seed in range(200):
            rows = explored(policy, test, usd, 0.1, np.random.default_rng(seed), 4000)
            found = replay(logged(rows), policy, dial)
            for name in ("ips", "snips", "dr"):
                one, cost = getattr(found.quality, name), getattr(found.usd, name)
                hits[name] += one.low <= quality <= one.high
                hits[f"usd {name}"] += cost.low <= paid <= cost.high
        with capsys.disabled():
            sys.stdout.write(
                f"\ndial {dial}: coverage over 200 logs { ({name: n / 200 for name, n in hits.items()}) }\n"
            )
        assert all(0.90 <= n / 200 <= 0.99 for n in hits.values()), hits
