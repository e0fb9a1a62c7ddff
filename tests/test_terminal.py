"""The page of a retraining says what was compared, and claims no more."""

import io

from rich.console import Console

from router_training.challenger import Verdict
from router_training.terminal import progress_bars, render_verdict

JUDGED = Verdict(
    True,
    "wins",
    n_gold=1200,
    n_feedback=300,
    left_out={"answer without a label": 2, "near-duplicate of a gate prompt": 5},
    n_gate_tasks=400,
    challenger=(0.002, 0.75),
    champion=(0.004, 0.5),
    version="3",
    champion_version="2",
)
NOBODY = Verdict(False, "nothing new", n_gold=1200, n_feedback=0, n_gate_tasks=400, left_out={"without": 7})
FLATTERED = Verdict(False, "loses", n_gold=12, n_feedback=3, n_gate_tasks=4, gate_is_unseen=False)


def printed(verdict):
    console = Console(file=io.StringIO(), record=True, width=140)
    console.print(render_verdict(verdict))
    return " ".join(console.export_text().split())


def test_both_sides_stand_with_version_quality_and_price():
    page = printed(JUDGED)
    assert "400 gold tasks that neither side has seen" in page
    assert "learned from 1,200 gold tasks and 300 answers" in page
    assert (
        "; 7 feedback rows were left out: near-duplicate of a gate prompt (5), answer without a label (2)."
        in page
    )
    assert page.index("2 │ 0.500 │ 4") < page.index("3 │ 0.750 │ 2")


def test_where_no_challenger_was_trained_the_page_claims_none():
    page = printed(NOBODY)
    assert "No challenger was trained; 7 feedback rows" in page and "learned" not in page


def test_a_gate_that_the_champion_may_know_is_not_called_unseen():
    page = printed(FLATTERED)
    assert "of which the champion may know some" in page and "; 0 feedback rows were left out." in page


def test_a_bar_per_label_ends_where_the_work_does():
    console = Console(file=io.StringIO(), record=True, width=100, force_terminal=True)
    with progress_bars(console) as progress:
        for done in (1, 2):
            progress("encode", done, 2)
        progress("fit", 1, 3)
    assert "2/2" in console.export_text()
