"""Rates and budgets hold whatever is asked at once, by however many processes, and after a restart."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings, strategies as st

from orchestrator.gateway.accounts import Accounts
from orchestrator.gateway.keys import Allowance, Keys
from orchestrator.gateway.rate import Bucket
from orchestrator.gateway.spending import Hold, Ledger, OutOfBudget, nano
from router_training.contract import UsageError

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Clock:
    """Stands still until it is moved."""

    def __init__(self, now=NOON):
        self.now = now

    def __call__(self):
        return self.now


class Bank:
    """A key file with one key."""

    def __init__(self, folder, **allowance):
        self.path = folder / "keys.db"
        self.clock = Clock()
        self.accounts = Accounts(self.path)
        self.keys = Keys(self.accounts)
        self.keys.add("alice", Allowance(**allowance))
        (self.key,) = self.keys.all()
        self.ledger = Ledger(self.accounts, self.clock)


@pytest.fixture
def bank(tmp_path):
    opened = []

    def open_bank(**allowance):
        opened.append(Bank(tmp_path / str(len(opened)), **allowance))
        return opened[-1]

    yield open_bank
    for one in opened:
        one.accounts.close()


def test_what_a_request_did_not_cost_is_given_back(bank):
    alice = bank(usd_per_day=1.0)
    hold = alice.ledger.reserve(alice.key, 0.75)
    assert isinstance(alice.ledger.reserve(alice.key, 0.75), OutOfBudget)
    alice.ledger.settle(hold, 0.25)
    assert alice.ledger.spent(alice.key).usd_today == 0.25
    assert isinstance(alice.ledger.reserve(alice.key, 0.75), Hold)


def test_a_budget_is_spent_to_the_last_cent_and_no_further(bank):
    alice = bank(usd_per_day=0.3)
    holds = [alice.ledger.reserve(alice.key, 0.1) for _ in range(4)]
    assert [isinstance(hold, Hold) for hold in holds] == [True, True, True, False]
    assert holds[3].left_usd == 0.0


def test_a_request_may_start_on_what_is_left_if_that_is_enough_for_it(bank):
    alice = bank(usd_per_day=1.0)
    alice.ledger.reserve(alice.key, 0.9)
    assert isinstance(alice.ledger.reserve(alice.key, 0.5, 0.2), OutOfBudget)
    assert alice.ledger.reserve(alice.key, 0.5, 0.05).usd == pytest.approx(0.1, rel=1e-9)


def test_what_costs_nothing_passes_an_empty_budget(bank):
    alice = bank(usd_per_day=0.0)
    assert isinstance(alice.ledger.reserve(alice.key, 0.0), Hold)
    assert isinstance(alice.ledger.reserve(alice.key, 1e-9), OutOfBudget)


def test_a_day_ends_at_midnight_utc_and_the_refusal_says_when_that_is(bank):
    alice = bank(usd_per_day=1.0)
    alice.ledger.reserve(alice.key, 1.0)
    refused = alice.ledger.reserve(alice.key, 1.0)
    assert (refused.period, refused.retry_after_s) == ("day", 12 * 3600)
    alice.clock.now += timedelta(seconds=refused.retry_after_s - 1)
    assert isinstance(alice.ledger.reserve(alice.key, 1.0), OutOfBudget)
    alice.clock.now += timedelta(seconds=1)
    assert isinstance(alice.ledger.reserve(alice.key, 1.0), Hold)


@pytest.mark.parametrize(
    ("now", "days_left"),
    [(datetime(2026, 1, 31, tzinfo=UTC), 1), (datetime(2026, 12, 1, tzinfo=UTC), 31), (NOON, 0.5)],
)
def test_a_month_ends_with_its_last_day(bank, now, days_left):
    alice = bank(usd_per_month=1.0)
    alice.clock.now = now
    alice.ledger.reserve(alice.key, 1.0)
    refused = alice.ledger.reserve(alice.key, 1.0)
    assert (refused.period, refused.retry_after_s) == ("month", days_left * 86400)
    alice.clock.now += timedelta(seconds=refused.retry_after_s)
    assert isinstance(alice.ledger.reserve(alice.key, 1.0), Hold)


def test_a_month_adds_up_its_days(bank):
    alice = bank(usd_per_day=1.0, usd_per_month=1.5)
    alice.clock.now = datetime(2026, 2, 27, tzinfo=UTC)
    alice.ledger.reserve(alice.key, 1.0)
    alice.clock.now = datetime(2026, 2, 28, 23, 59, tzinfo=UTC)
    assert alice.ledger.reserve(alice.key, 1.0).period == "month"
    assert alice.ledger.spent(alice.key).usd_this_month == 1.0


def test_a_request_over_midnight_is_charged_to_the_day_it_began(bank):
    alice = bank(usd_per_day=1.0)
    alice.clock.now = datetime(2026, 1, 30, 23, 59, 59, tzinfo=UTC)
    hold = alice.ledger.reserve(alice.key, 1.0)
    alice.clock.now += timedelta(seconds=2)
    assert isinstance(alice.ledger.reserve(alice.key, 1.0), Hold)
    alice.ledger.settle(hold, 0.5)
    assert alice.ledger.spent(alice.key).usd_today == 1.0


def test_days_are_utc_whatever_zone_the_clock_shows(bank):
    alice = bank(usd_per_day=1.0)
    alice.clock.now = datetime.fromisoformat("2026-02-01T01:00:00+05:00")
    assert alice.ledger.reserve(alice.key, 0.1).day == "2026-01-31"


def test_a_request_that_cost_more_than_was_set_aside_counts_in_full(bank):
    alice = bank(usd_per_day=1.0)
    alice.ledger.settle(alice.ledger.reserve(alice.key, 0.5), 1.5)
    refused = alice.ledger.reserve(alice.key, 0.0)
    assert (refused.left_usd, alice.ledger.spent(alice.key).usd_today) == (0.0, 1.5)


def test_a_hold_whose_process_died_counts_as_spent_after_a_restart(bank):
    alice = bank(usd_per_day=1.0)
    alice.ledger.reserve(alice.key, 0.9)
    again = Ledger(Accounts(alice.path), alice.clock)
    assert isinstance(again.reserve(alice.key, 0.2), OutOfBudget)


@pytest.mark.parametrize("usd", [-1.0, float("nan"), float("inf"), 1e10])
def test_an_amount_that_is_none_is_refused_and_nothing_changes(bank, usd):
    alice = bank(usd_per_day=1.0)
    with pytest.raises(UsageError, match="amount"):
        alice.ledger.reserve(alice.key, usd)
    assert alice.ledger.spent(alice.key).usd_today == 0.0


@given(st.floats(0.0, 1e6))
def test_billionths_are_rounded_up_by_less_than_one(usd):
    assert -1e-3 <= nano(usd) - usd * 1e9 <= 1.0 + 1e-3


requests = st.lists(
    st.tuples(st.floats(0.0, 0.5), st.floats(0.0, 1.0), st.floats(0.0, 1.0)), min_size=1, max_size=30
)


@settings(max_examples=40)
@given(requests, st.floats(0.0, 2.0), st.randoms(use_true_random=False))
def test_however_requests_overlap_no_budget_is_overrun(tmp_path_factory, wanted, budget, order):
    alice = Bank(tmp_path_factory.mktemp("bank"), usd_per_day=budget, usd_per_month=2 * budget)
    open_holds = []
    for usd, least_share, cost_share in wanted:
        held = alice.ledger.reserve(alice.key, usd, usd * least_share)
        if isinstance(held, Hold):
            assert held.usd <= usd + 1e-9
            open_holds.append((held, held.usd * cost_share))
        if open_holds and order.random() < 0.5:
            alice.ledger.settle(*open_holds.pop(order.randrange(len(open_holds))))
        assert alice.ledger.spent(alice.key).usd_today <= budget + 1e-9
        if order.random() < 0.1:
            alice.clock.now += timedelta(hours=13)
        assert alice.ledger.spent(alice.key).usd_this_month <= 2 * budget + 1e-9
    alice.accounts.close()


def test_threads_that_ask_at_once_do_not_overrun_the_budget(bank):
    alice = bank(usd_per_day=1.0)

    def ask(_):
        held = alice.ledger.reserve(alice.key, 0.05)
        return isinstance(held, Hold)

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(ask, range(100))) == 20


def test_processes_that_ask_at_once_do_not_overrun_the_budget(bank):
    alice = bank(usd_per_day=1.0)
    code = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from orchestrator.gateway.accounts import Accounts; from orchestrator.gateway.keys import Keys\n"
        "from orchestrator.gateway.spending import Hold, Ledger\n"
        "a = Accounts(Path(sys.argv[1])); (key,) = Keys(a).all()\n"
        "ledger = Ledger(a, lambda: datetime(2026, 1, 31, tzinfo=UTC))\n"
        "sys.exit(sum(isinstance(ledger.reserve(key, 0.05), Hold) for _ in range(100)))\n"
    )
    asking = [subprocess.Popen([sys.executable, "-c", code, str(alice.path)]) for _ in range(2)]
    assert sum(process.wait() for process in asking) == 20


moments = st.lists(st.floats(0.0, 30.0), max_size=200)


@given(st.integers(1, 40), moments)
def test_no_window_sees_more_requests_than_a_full_bucket_and_its_refill(per_minute, gaps):
    bucket, now, passed = Bucket.full(per_minute, 0.0), 0.0, []
    for gap in gaps:
        now += gap
        after = bucket.taken(now)
        if after is not None:
            bucket = after
            passed.append(now)
    for i, start in enumerate(passed):
        for j in range(i, len(passed)):
            assert j - i + 1 <= per_minute * (1.0 + (passed[j] - start) / 60.0) + 1e-6


@given(st.integers(1, 1000), st.floats(0.0, 1000.0), st.floats(0.0, 1e6))
def test_who_waits_as_long_as_told_may_come(per_minute, tokens, now):
    bucket = Bucket(per_minute, min(tokens, float(per_minute)), now)
    later = now + bucket.wait_s(now) + 1e-3
    assert bucket.taken(later) is not None
    assert (bucket.taken(now) is not None) == (bucket.wait_s(now) == 0)


def test_a_clock_that_is_set_back_brings_no_tokens():
    bucket = Bucket(60, 0.0, 1000.0).refilled(0.0)
    assert bucket.tokens == 0.0 and bucket.refilled(1.0).tokens == 1.0


def test_a_rate_is_shared_by_all_who_open_the_file(bank):
    alice = bank(requests_per_minute=3)
    others = [alice.ledger, Ledger(Accounts(alice.path), alice.clock)]
    answers = [others[i % 2].enter(alice.key) for i in range(4)]
    assert answers[:3] == [None, None, None] and answers[3].retry_after_s == 20
    alice.clock.now += timedelta(seconds=20)
    assert alice.ledger.enter(alice.key) is None


def test_a_key_without_limits_is_never_told_to_wait(bank):
    alice = bank()
    assert all(alice.ledger.enter(alice.key) is None for _ in range(100))
    assert isinstance(alice.ledger.reserve(alice.key, 1e6), Hold)
