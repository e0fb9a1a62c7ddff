"""What `pointsman retrain` reads from its options, and the page of its verdict."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from router_training.challenger import Verdict
from router_training.contract import UsageError
from router_training.judging.bootstrap import Interval
from router_training.judging.gate import Reason
from router_training.retrain_command import duration_s, moment, print_verdict
from router_training.verifier_noise import Bias

NOW = datetime(2026, 11, 8, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("7d", "2026-11-01T12:00:00+00:00"),
        ("12h", "2026-11-08T00:00:00+00:00"),
        ("2026-11-01", "2026-11-01T00:00:00+00:00"),
        ("2026-11-01T05:00:00+02:00", "2026-11-01T05:00:00+02:00"),
    ],
)
def test_since_is_a_duration_or_a_date(text, found):
    assert moment(text, NOW) == datetime.fromisoformat(found)


@pytest.mark.parametrize(
    "text", ["", "7", "d", "-7d", "0d", "soon", "1e400d", "99999999999999d", "2026-13-01"]
)
def test_what_is_neither_is_refused_with_an_example(text):
    with pytest.raises(UsageError, match="--since"):
        moment(text, NOW)


def test_durations_have_units():
    assert [duration_s(text, "--half-life") for text in ("30m", "1.5h", "2w")] == [1800.0, 5400.0, 1209600.0]


def test_the_page_shows_every_rule_and_only_task_types_that_are_surely_off():
    rules = (
        Reason("champion, over all dials (hull lift)", Interval(0.02, 0.01, 0.03), 0.0, 300, True),
        Reason("loss on poems (worth)", Interval(-0.2, -0.3, -0.1), -0.05, 40, False),
    )
    biases = (
        Bias("model", "small", 40, 90, Interval(0.0, -0.1, 0.1), Interval(0.5, 0.4, 0.6)),
        Bias("task type", "poems", 40, 90, Interval(0.3, 0.2, 0.4), Interval(0.5, 0.4, 0.6)),
        Bias("task type", "sums", 40, 90, Interval(0.0, -0.1, 0.1), Interval(0.98, 0.9, 1.06)),
    )
    verdict = Verdict(
        False,
        "it does not pass",
        n_gold=1,
        n_feedback=2,
        n_gate_tasks=4,
        left_out={"answer without a label": 3},
        rules=rules,
        biases=biases,
        noise="labels were corrected",
        promise="None.",
        n_gold_traces=1234,
    )
    console = Console(file=io.StringIO(), record=True, width=140)
    print_verdict(console, verdict)
    page = " ".join(console.export_text().split())
    assert "loss on poems (worth) │ -0.2000 │ -0.3000 to -0.1000 │ value > -0.05 │ 40 │ no" in page
    assert "3 feedback rows were left out: answer without a label (3)." in page
    assert "│ small │" in page and "│ poems │" in page and "│ sums" not in page
    assert "Labels were corrected. None. The assessment gold stands on 1,234 traces. it does not pass" in page
