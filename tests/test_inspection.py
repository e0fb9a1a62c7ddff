"""The label doctor: each fault that it is there to find, planted in a table, and what it says of sound ones."""

import json
from dataclasses import replace

import numpy as np
import pytest

from router_training.catalogue import catalogue_from_outcomes
from router_training.contract import DataError, ModelCard, Outcome
from router_training.inspection.alike import alike_across, leakage, near_duplicates
from router_training.inspection.examination import examine, verdict
from router_training.inspection.finding import Weight, mend
from router_training.inspection.label_checks import (
    LABEL_CHECKS,
    errors_as_wrong,
    grader_noise,
    label_sources,
    missing_cells,
    prices,
    ties,
)
from router_training.inspection.learnability import CurveStep, Learnability, sample_size, tasks_to_see
from router_training.judging.bootstrap import Interval
from router_training.outcomes import OutcomeTable

CARDS = {"a": ModelCard("a", 1.0, 1.0), "b": ModelCard("b", 10.0, 10.0)}


def table_of(quality, **more):
    """Return a table of models a, b, ... from quality (n, m); a column may be given per cell, as a list of rows."""
    rows = []
    for i, row in enumerate(quality):
        for j, value in enumerate(row):
            given = {name: column[i][j] for name, column in more.items()}
            price = CARDS["ab"[j]].usd_per_mtok_in
            fixed = {
                "prompt": f"task {i}",
                "cost_usd": price * 20e-6,
                "prompt_tokens": 10,
                "completion_tokens": 10,
            }
            rows.append(Outcome(f"t{i:03}", model="ab"[j], quality=value, **{**fixed, **given}))
    return OutcomeTable.from_outcomes(rows)


def test_a_sound_table_has_nothing_to_mend(two_kinds):
    cards = catalogue_from_outcomes(two_kinds)
    assert [
        one.weight for one in (check(two_kinds, cards) for check in LABEL_CHECKS) if one.weight is Weight.MEND
    ] == []


def test_missing_cells_are_counted_and_the_worst_model_named():
    found = missing_cells(table_of([[1.0, None]] * 6 + [[1.0, 0.0]] * 4), CARDS)
    assert found.weight is Weight.MEND and "30.0%" in found.said and "most of b (60%)" in found.said
    assert missing_cells(table_of([[1.0, 0.0]] * 9 + [[1.0, None]]), CARDS).weight is Weight.KNOW


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        ("Error: rate limit exceeded", True),
        ("HTTP 503", True),
        ("openai.APITimeoutError: Request timed out.", False),  # begins with a module's name: not sure enough
        ("APITimeoutError: Request timed out.", True),
        ("", True),
        ("   ", True),
        ("null", True),
        ("502 Bad Gateway", True),
        ("537", False),
        ("404", False),
        ("Errors were made by both sides.", False),
        ("The error is on line 3.", False),
        ("None", False),
        ("Not found in the text: the answer is 7", True),
        ("Error handling matters. " * 40, False),
    ],
)
def test_answers_that_read_like_errors_and_were_graded_zero_are_named(answer, failed):
    said = [[answer, "fine"]] + [["an answer", "fine"]] * 3
    found = errors_as_wrong(table_of([[0.0, 1.0]] * 4, response=said), CARDS)
    assert (found.weight is Weight.MEND) == failed, found.said
    right = table_of([[1.0, 1.0]] * 4, response=said)
    assert errors_as_wrong(right, CARDS).weight is Weight.FINE, "what was graded right did not fail"


def test_errors_on_record_and_answers_without_tokens_are_failed_calls():
    recorded = table_of([[0.0, 1.0]] * 2, error=[["timeout", None], [None, None]])
    assert "1 with an error on record" in errors_as_wrong(recorded, CARDS).said
    silent = table_of([[0.0, 1.0]] * 2, completion_tokens=[[0, 5]] * 2, response=[["x", "y"]] * 2)
    assert "2 without a token written" in errors_as_wrong(silent, CARDS).said
    assert "not to be seen" in errors_as_wrong(table_of([[0.0, 1.0]]), CARDS).said


def test_ties_are_split_into_all_right_and_all_wrong():
    found = ties(table_of([[1.0, 1.0]] * 5 + [[0.0, 0.0]] * 2 + [[0.0, 1.0]] * 3), CARDS)
    assert "on 70% of the tasks" in found.said and "50% all right, 20% all wrong" in found.said
    assert found.weight is Weight.KNOW
    assert ties(table_of([[0.0, 0.0]] * 5 + [[0.0, 1.0]] * 5), CARDS).weight is Weight.MEND
    assert ties(table_of([[1.0, None], [None, 1.0]]), CARDS).weight is Weight.MEND


def test_noise_is_the_variance_within_repeats():
    prompts = [[f"task {i // 2}"] * 2 for i in range(40)]
    steady = table_of([[float(i // 2 % 2)] * 2 for i in range(40)], prompt=prompts)
    assert "0% of the variance" in grader_noise(steady, CARDS).said
    fickle = table_of([[float(i % 2)] * 2 for i in range(40)], prompt=prompts)
    found = grader_noise(fickle, CARDS)
    assert found.weight is Weight.MEND and "100%" in found.said.replace("198%", "100%").replace(
        "195%", "100%"
    )
    assert "unknown" in grader_noise(table_of([[1.0, 0.0]] * 30), CARDS).said


def test_costs_that_are_not_tokens_times_price_are_named():
    wrong = table_of([[1.0, 0.0]] * 10, cost_usd=[[20e-6, 400e-6]] * 10)
    found = prices(wrong, CARDS)
    assert (
        found.weight is Weight.MEND
        and "b: 100% of its costs are not tokens times price (median 2 times" in found.said
    )
    assert prices(table_of([[1.0, 0.0]] * 10), CARDS).said.startswith("b costs 10 times what a does")


def test_free_answers_equal_prices_and_missing_costs_are_named():
    some = table_of([[1.0, 0.0]] * 4, cost_usd=[[0.0, 1.0]] + [[20e-6, 200e-6]] * 3)
    assert "a: 1 answers cost nothing" in prices(some, CARDS).said
    same = {name: ModelCard(name, 1.0, 1.0) for name in "ab"}
    assert "no money to save" in prices(table_of([[1.0, 0.0]] * 4, cost_usd=[[20e-6, 20e-6]] * 4), same).said
    none = table_of([[1.0, 0.0]] * 4, cost_usd=[[None, None]] * 4, prompt_tokens=[[None, None]] * 4)
    assert "no answer has a cost" in prices(none, {}).said


def test_opinions_of_models_are_not_gold():
    judged = table_of([[1.0, 0.0]] * 4, label_source=[["judge", "judge"]] * 4)
    assert label_sources(judged, CARDS).weight is Weight.KNOW
    assert label_sources(table_of([[1.0, 0.0]]), CARDS).weight is Weight.FINE


def test_prompts_alike_across_groups_are_found_whatever_the_block(monkeypatch):
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((50, 16)).astype(np.float32)
    vectors[31] = vectors[7] + 0.01
    vectors[40] = vectors[3]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    groups = np.arange(50)
    groups[40] = groups[3]
    assert alike_across(vectors, groups) == [(7, 31)]
    monkeypatch.setattr("router_training.inspection.alike.BLOCK", 8)
    assert alike_across(vectors, groups) == [(7, 31)]


def test_templates_are_to_be_mended_and_pairs_to_be_known():
    table = table_of([[1.0, 0.0]] * 30)
    alike = np.tile(np.eye(4, dtype=np.float32)[0], (30, 1))
    assert near_duplicates(table, alike).weight is Weight.MEND
    assert near_duplicates(table, np.eye(30, dtype=np.float32)).weight is Weight.FINE


def test_shared_prompts_leak_near_duplicates_too():
    table = table_of([[1.0, 0.0]] * 4)
    other = table_of([[1.0, 0.0]] * 2, prompt=[["TASK  1", "TASK  1"], ["new", "new"]])
    (found,) = leakage(table, [other])
    assert found.weight is Weight.MEND and "1 of 4 tasks" in found.said and "t001" in found.said
    assert leakage(table, [table_of([[1.0, 0.0]], prompt=[["new", "new"]])])[0].weight is Weight.FINE


def test_the_number_of_tasks_is_the_textbooks():
    differences = np.tile([-1.0, 0.0, 0.0, 1.0], 100)
    spread = differences.std(ddof=1)
    assert tasks_to_see(differences) == int(np.ceil(((1.959964 + 0.841621) * spread / 0.01) ** 2))
    assert tasks_to_see(differences, effect=0.02) == pytest.approx(tasks_to_see(differences) / 4, abs=1)
    assert tasks_to_see(np.zeros(10)) == 0
    assert "held-out tasks" in sample_size(table_of([[1.0, 0.0], [0.0, 1.0]] * 20), CARDS).said


@pytest.fixture(scope="module")
def examined(more_of_two_kinds, minilm):
    return examine(more_of_two_kinds, catalogue_from_outcomes(more_of_two_kinds), minilm)


def test_two_kinds_of_tasks_are_worth_routing(examined):
    assert examined.verdict.startswith("There is something to route here")
    assert examined.verdict.endswith(".") and ". " not in examined.verdict, "one sentence"
    assert {one.about for one in examined.findings} >= {
        "room",
        "learning curve",
        "sample size",
        "near-duplicates",
    }
    assert json.loads(json.dumps(examined.as_dict()))["schema"] == 1


def test_labels_dealt_by_chance_are_not(two_kinds, minilm):
    rng = np.random.default_rng(5)
    frame = two_kinds.frame.assign(quality=(rng.random(len(two_kinds.frame)) < 0.5).astype(float))
    table = OutcomeTable.from_frame(frame)
    found = examine(table, catalogue_from_outcomes(table), minilm)
    assert "something to route" not in found.verdict


def test_the_verdict_follows_the_intervals(two_kinds_policy, more_of_two_kinds, vector_folder):
    from router_training.judgement import judge_policy

    table = more_of_two_kinds.take(range(60))
    found = judge_policy(two_kinds_policy, table, n_boot=20, cache_dir=vector_folder).evaluation
    won, level = Interval(0.02, 0.01, 0.03), Interval(0.0, -0.01, 0.01)

    def said(findings=(), **changes):
        return verdict(Learnability(replace(found, **changes), (CurveStep(9, 0.1),)), findings)

    assert "something to route" in said(lift=won, learned_lift=won, oracle_lift=0.1)
    assert "as much with shuffled labels" in said(lift=won, learned_lift=level, oracle_lift=0.1)
    assert "Nothing shows yet" in said(lift=level, learned_lift=level, oracle_lift=0.1)
    assert "even an oracle" in said(lift=won, learned_lift=won, oracle_lift=0.001)
    assert said([mend("ties", "x")], lift=won, learned_lift=won, oracle_lift=0.1).endswith(
        "; first mend: ties."
    )


def test_what_cannot_be_routed_is_refused(minilm):
    one = OutcomeTable.from_outcomes(
        [Outcome(f"t{i}", f"task {i}", "a", 1.0, cost_usd=1.0) for i in range(9)]
    )
    with pytest.raises(DataError, match="grades only one model"):
        examine(one, catalogue_from_outcomes(one), minilm)
