import math

from router_training.judging.bootstrap import Interval
from router_training.judging.controls import Point
from router_training.judging.verdict import verdict

BEST = Point("big", 0.01, 0.8, 1.0)
WIN, LOSS, TIE = Interval(0.02, 0.01, 0.03), Interval(-0.02, -0.03, -0.01), Interval(0.02, -0.01, 0.05)
HALF, NEVER = Interval(0.5, 0.4, math.inf), Interval(math.inf, math.inf, math.inf)


def test_a_win_is_claimed_only_above_zero():
    assert verdict(100, BEST, WIN, None, HALF).startswith(
        "Routing pays here: the router beats every constant"
    )
    assert verdict(100, BEST, TIE, None, HALF).startswith("No evidence that routing pays here")
    assert verdict(100, BEST, LOSS, None, HALF).startswith("Routing does not pay here")
    assert verdict(100, BEST, Interval(0.02, math.nan, math.nan), None, HALF).startswith("No evidence")


def test_the_cost_at_equal_quality_is_named_with_its_interval():
    assert "at 50% of its cost (interval 40% to never)" in verdict(100, BEST, WIN, None, HALF)
    assert "though it never reaches the quality of big" in verdict(100, BEST, WIN, None, NEVER)


def test_a_twin_that_does_as_well_is_named():
    assert "a twin trained on shuffled labels does about as well" in verdict(100, BEST, WIN, TIE, HALF)
    assert "+0.020 of that is more than a twin" in verdict(100, BEST, WIN, WIN, HALF)


def test_the_verdict_is_one_sentence():
    for lift in (WIN, TIE, LOSS):
        text = verdict(100, BEST, lift, TIE, HALF)
        assert text.endswith(".") and ". " not in text and "\n" not in text
