"""What findings are worth, measured or usual, and the one confidence that comes of all evidence."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

from router_training.answers.finding import Finding
from router_training.contract import Evidence
from router_training.likelihood import USUAL, LikelihoodRatios, Measured, measure, posterior, worth

SHARES = st.floats(0.01, 0.99)
WRONG = Finding("arithmetic", "one wrong", "1 of 1 equations do not hold")


@given(SHARES, st.floats(0.01, 10.0))
def test_posterior_odds_are_prior_odds_times_the_ratio(p, ratio):
    found = posterior(p, ratio)
    assert math.isclose(found / (1 - found), p / (1 - p) * ratio, rel_tol=1e-7)


def test_certain_flaws_leave_no_probability_and_worthless_findings_are_silent():
    ratios = LikelihoodRatios()
    assert ratios.evidence(Finding("completeness", "empty", "empty"), 0.9).p_correct == 0.0
    assert ratios.evidence(Finding("completeness", "empty", "empty"), 1.0).p_correct == 0.0
    assert ratios.evidence(Finding("completeness", "complete", "fine"), 0.9).p_correct is None


@given(st.sampled_from(sorted(USUAL)), SHARES)
def test_no_finding_raises_a_confidence(key, p):
    generous = LikelihoodRatios({key: Measured(5.0, 1000)})
    kind, name = key.split(": ")
    for ratios in (generous, LikelihoodRatios()):
        p_correct = ratios.evidence(Finding(kind, name, "so"), p).p_correct
        assert p_correct is None or p_correct <= p


def test_measuring_finds_the_ratio_that_answers_were_drawn_with():
    rng = np.random.default_rng(0)
    prior = rng.uniform(0.3, 0.9, 20_000)
    odds = prior / (1 - prior) * 0.25
    right = (rng.random(20_000) < odds / (1 + odds)).astype(float)
    found = measure([[WRONG]] * 20_000, prior, right).measured[WRONG.key]
    assert found.n == 20_000 and 0.22 < found.ratio < 0.28


def test_few_answers_move_a_ratio_little_and_none_not_at_all():
    one = measure([[WRONG]], np.array([0.5]), np.array([1.0])).measured[WRONG.key]
    assert USUAL[WRONG.key] < one.ratio < 0.6
    assert measure([], np.zeros(0), np.zeros(0)).measured == {}
    assert LikelihoodRatios().ratio(WRONG.key) == USUAL[WRONG.key]


def test_what_spoils_an_answer_by_itself_is_not_measured():
    empty = Finding("completeness", "empty", "empty")
    assert empty.key not in measure([[empty]] * 50, np.full(50, 0.5), np.ones(50)).measured


def test_ratios_survive_their_plain_form():
    ratios = LikelihoodRatios({WRONG.key: Measured(0.3, 7)})
    assert LikelihoodRatios.from_plain(ratios.plain()) == ratios
    assert LikelihoodRatios.from_plain(None) == LikelihoodRatios()


def _said(kind, p):
    return Evidence(kind, p, "so")


@given(SHARES, SHARES)
def test_the_learned_verifier_has_the_word_over_checks_but_not_over_decisive_ones(prior, p):
    assert worth([_said("format", 0.1), _said("learned", p)], prior) == p
    assert worth([_said("format", 0.01), _said("learned", p)], prior) == min(p, 0.01)
    assert worth([], prior) == prior
    assert worth([_said("format", None)], prior) == prior


@given(SHARES, st.floats(0.1, 10.0), st.floats(0.1, 10.0))
def test_news_of_several_models_adds_up_in_log_odds(prior, first, second):
    evidence = [_said("judge", posterior(prior, first)), _said("logprobs", posterior(prior, second))]
    assert worth(evidence, prior) == pytest.approx(posterior(prior, first * second), abs=2e-4)
