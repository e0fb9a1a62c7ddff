import numpy as np
import pytest
from scipy.stats import binom

from router_training.judging.risk_control import betting_p_value, certify, draws_needed

SHARE, ALPHA = 0.97, 0.05
OUTCOMES = (0.03, 1.0, -0.97, 0.0)  # both right, only the router, only the best single model, neither


def draws(rng, n, mean):
    """Return differences of quality as routers make them, in random order, with this mean in expectation."""
    lost = 0.1
    won = mean - 0.6 * OUTCOMES[0] - lost * OUTCOMES[2]
    return rng.choice(OUTCOMES, n, p=[0.6, won, lost, 0.4 - won - lost])


def p_value(values):
    return betting_p_value(values, -SHARE, 1.0, ALPHA)


def hoeffding_bentkus(values):
    """Return the p-value of Bates et al., "Distribution-free, risk-controlling prediction sets", 2021, section 3.1."""
    loss = 1.0 - (values + SHARE) / (1.0 + SHARE)
    n, r, a = len(loss), float(loss.mean()), 1.0 / (1.0 + SHARE)
    if r >= a:
        return 1.0
    divergence = r * np.log(r / a) + (1 - r) * np.log((1 - r) / (1 - a))
    return min(np.exp(-n * divergence), np.e * binom.cdf(np.ceil(n * r), n, a))


@pytest.mark.parametrize("n", [30, 300, 2000])
def test_where_nothing_is_gained_it_passes_no_more_often_than_alpha(n):
    rng = np.random.default_rng(n)
    passed = np.mean([p_value(draws(rng, n, 0.0)) <= ALPHA for _ in range(600)])
    assert passed <= ALPHA + 2.5 * np.sqrt(ALPHA * (1 - ALPHA) / 600)


def test_betting_passes_where_a_bound_that_knows_no_variance_does_not():
    rng = np.random.default_rng(0)
    sets = [draws(rng, 2400, 0.03) for _ in range(60)]
    assert np.mean([p_value(values) <= ALPHA for values in sets]) > 0.7
    assert np.mean([hoeffding_bentkus(values) <= ALPHA for values in sets]) < 0.2


def test_more_of_the_same_evidence_is_stronger():
    values = draws(np.random.default_rng(1), 500, 0.04)
    assert p_value(np.tile(values, 8)) < p_value(values) < 1.0


def test_no_draws_prove_nothing():
    assert p_value(np.zeros(0)) == 1.0 and draws_needed(np.zeros(0), SHARE, ALPHA) is None


def test_draws_that_are_all_zero_or_all_the_worst_prove_nothing():
    assert p_value(np.zeros(1000)) == 1.0 and p_value(np.full(1000, -SHARE)) == 1.0


def grid(n=3000, seed=0):
    """Return quality (n, 3) of a cheap, a middling and a strong model, and choices from strong to cheap."""
    rng = np.random.default_rng(seed)
    quality = (rng.random((n, 3)) < [0.5, 0.7, 0.8]).astype(float)
    return quality, np.repeat([[2], [1], [0]], n, axis=1)


def certified(quality, choices, share=0.8, groups=None):
    groups = np.arange(len(quality)) if groups is None else groups
    return certify(quality, choices, groups, share=share, alpha=ALPHA)


def test_the_last_step_that_keeps_its_share_is_taken():
    found = certified(*grid())
    assert found.step == 1 and found.rival == 2 and 0.03 < found.margin < 0.09


def test_a_step_behind_one_that_fails_is_never_taken():
    quality, choices = grid()
    assert certified(quality, choices[[2, 1, 0]]).step is None


def test_a_step_must_pass_against_every_single_model():
    quality, choices = grid()
    assert certified(quality[:, :2], choices[1:], share=0.95).step == 0
    better = np.column_stack([quality, np.ones(len(quality))])
    assert certified(better, choices, share=0.95).step is None


def test_a_model_without_outcomes_lets_nothing_pass():
    quality, choices = grid()
    quality[:, 0] = np.nan
    found = certified(quality, choices)
    assert found.step is None and found.rival == 0 and len(found.draws) == 0 and np.isnan(found.margin)


def test_repeating_prompts_adds_no_evidence():
    quality, choices = grid(400)
    once, often = np.arange(400), np.repeat(np.arange(400), 20)
    alone = certified(quality, choices[:2], share=0.8)
    repeated = certified(quality[often], choices[:2][:, often], share=0.8, groups=once[often])
    assert alone.step == repeated.step and np.allclose(alone.draws, repeated.draws)


def test_missing_outcomes_are_left_out_of_their_comparison_only():
    quality, choices = grid()
    quality[::2, 0] = np.nan
    assert certified(quality, choices).step == 1


def test_as_many_draws_as_it_says_are_needed_pass_four_times_out_of_five():
    rng = np.random.default_rng(2)
    seen = draws(rng, 300, 0.03)
    needed = draws_needed(seen, SHARE, ALPHA)
    assert needed > 300
    passed = np.mean([p_value(rng.choice(seen, needed)) <= ALPHA for _ in range(100)])
    assert 0.65 <= passed <= 0.97


def test_no_number_of_draws_helps_where_nothing_is_gained():
    assert draws_needed(np.array([0.03, -0.97, 0.03, 0.0]), SHARE, ALPHA) is None


def test_over_200_splits_the_promise_is_broken_no_more_often_than_it_says():
    """The truth is that of 20,000 tasks; each split sees 1,000 of them, and thirty ways to choose cross its boundary."""
    rng = np.random.default_rng(3)
    p = rng.beta(2, 1.5, (20_000, 2)) * [0.75, 1.0]
    quality = (rng.random(p.shape) < p).astype(float)
    guess = np.clip(p + rng.normal(0, 0.15, p.shape), 0, 1)
    gain = guess[:, 1] - guess[:, 0]
    choices = np.stack([(gain > price).astype(np.int64) for price in np.linspace(-0.1, 0.5, 30)])
    truth = np.array([quality[np.arange(len(quality)), choice].mean() for choice in choices])
    broken, steps = [], []
    for split in range(200):
        part = rng.choice(len(quality), 1000, replace=False)
        found = certify(quality[part], choices[:, part], part, share=SHARE, alpha=ALPHA, seed=split)
        steps.append(-1 if found.step is None else found.step)
        broken.append(found.step is not None and truth[found.step] < SHARE * quality.mean(axis=0).max())
    assert np.mean(broken) <= ALPHA + 2.0 * np.sqrt(ALPHA * (1 - ALPHA) / 200)
    safe = np.flatnonzero(truth >= SHARE * quality.mean(axis=0).max()).max()
    assert np.median(steps) >= 0.3 * safe, "the test must not keep its word by promising nothing"
