"""What the verifier gets wrong is measured on graded answers and taken out of its labels."""

from dataclasses import replace

import numpy as np
import pytest

from router_training.contract import Outcome
from router_training.verifier_noise import biases, corrected, fit_correction, graded

RIGHT = {"terse": 0.9, "wordy": 0.4}


def heard(n=4000, seed=0, wrong=0.45):
    """Answers of two models; the verifier takes `wrong` of the wordy one's failures for successes. Gold is returned too."""
    rng = np.random.default_rng(seed)
    rows, gold = [], []
    for i in range(n):
        model = "wordy" if i % 2 else "terse"
        quality = float(rng.random() < RIGHT[model])
        flips = rng.random() < (wrong if (model == "wordy") != bool(quality) else 0.02)
        row = Outcome(
            f"r{i}",
            f"prompt {i}",
            model,
            0.05 + 0.9 * abs(quality - flips),
            task_type="talk",
            label_source="verifier",
        )
        rows.append(row)
        gold.append(replace(row, quality=quality, label_source="gold"))
    return rows, gold


def means(rows):
    return {model: np.mean([row.quality for row in rows if row.model == model]) for model in RIGHT}


def test_corrected_labels_have_the_mean_of_gold_for_every_model():
    rows, gold = heard()
    flat = np.full(len(rows), 0.6)
    raw = means(rows)
    assert raw["wordy"] > 0.6 and raw["terse"] < 0.62, "the verifier prefers the worse model"
    better, n, enough = corrected(rows, gold[::7], flat)
    assert enough and n == 572
    for model, quality in means(better).items():
        assert abs(quality - RIGHT[model]) < 0.07 < abs(raw[model] - RIGHT[model])


def test_an_honest_verifier_keeps_its_word():
    rows, gold = heard(wrong=0.02)
    better, _, _ = corrected(rows, gold[::9], np.full(len(rows), 0.6))
    low = [b.quality for b, r in zip(better, rows, strict=True) if r.quality < 0.5]
    high = [b.quality for b, r in zip(better, rows, strict=True) if r.quality > 0.5]
    assert max(low) < 0.3 and min(high) > 0.7


def test_a_label_that_says_nothing_leaves_the_forecast():
    rng = np.random.default_rng(2)
    p = rng.choice([0.1, 0.9], 3000)
    gold = [
        Outcome(f"r{i}", f"p{i}", "one", float(rng.random() < p[i]), label_source="gold") for i in range(3000)
    ]
    rows = [replace(one, quality=float(rng.random()), label_source="verifier") for one in gold]
    better, _, _ = corrected(rows, gold[:600], p)
    for level in (0.1, 0.9):
        found = [one.quality for one, forecast in zip(better, p, strict=True) if forecast == level]
        assert abs(np.mean(found) - level) < 0.05


def test_few_grades_correct_nothing_and_say_so():
    rows, gold = heard(200)
    assert corrected(rows, gold[:29], np.full(200, 0.5)) == (rows, 29, False)
    alike = [replace(one, quality=1.0) for one in gold]
    assert corrected(rows, alike, np.full(200, 0.5))[2] is False
    assert fit_correction([], np.zeros(0), np.zeros(0)) is None


def test_what_people_said_stays_as_it_is():
    rows, gold = heard(400)
    rows = [replace(row, label_source="human") if i % 10 == 0 else row for i, row in enumerate(rows)]
    rows[1] = replace(rows[1], quality=None)
    better, _, enough = corrected(rows, gold, np.full(400, 0.5))
    assert enough and better[::10] == rows[::10] and better[1] is rows[1]
    assert better[3] != rows[3]


def test_a_grade_belongs_to_its_answer():
    row = Outcome("trace", "hi", "m", 0.7, response="yes", label_source="verifier")
    other = Outcome("gold", "hi", "m", 1.0, response="no")
    assert graded([row], [other])[0].size == 0
    assert graded([row], [replace(other, response="yes")])[0].tolist() == [0]
    assert graded([row], [replace(other, response=None)])[1].tolist() == [1.0]
    assert graded([row], [replace(other, prompt="else", task_id="trace", response="yes")])[1].tolist() == [
        1.0
    ]
    assert graded([row], [replace(other, response="yes", quality=None)])[0].size == 0


def test_the_stated_bias_covers_the_true_one():
    rows, _ = heard(20_000, seed=9)
    truth = means(rows)["wordy"] - RIGHT["wordy"]
    hits = 0
    for seed in range(60):
        some, gold = heard(2000, seed=100 + seed)
        (wordy,) = (one for one in biases(some, gold[::13]) if one.name == "wordy")
        hits += wordy.bias.low <= truth <= wordy.bias.high
        assert wordy.quality.low < wordy.quality.high and wordy.n < wordy.n_heard
    assert hits >= 51, "95% of 60 are 57; fewer than 52 happen once in 80 runs"


@pytest.mark.parametrize("rows", [[], [Outcome("a", "b", "m", None, label_source="verifier")]])
def test_nothing_heard_has_no_bias(rows):
    assert biases(rows, []) == ()
