"""What verifiers are worth on graded answers, and how biased a judge is."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from orchestrator.judge_calibration import append_reply, ask_all, draw_cases, read_replies, verdicts
from orchestrator.verifier_commands import _table
from orchestrator.verifier_report import COLUMNS, FINDING_COLUMNS, look, report
from router_training.answer_model import fit_answer_model
from router_training.contract import Attempt, DataError, UsageError
from router_training.judging.judge_bias import USUAL_BIAS, Verdict, load_bias, measure_bias
from router_training.serving import Opened


@pytest.fixture(scope="module")
def opened(two_kinds, two_kinds_policy, vector_folder):
    model = fit_answer_model(two_kinds, two_kinds_policy, cache_dir=vector_folder)
    return Opened(two_kinds_policy, model, None, "made up")


@pytest.fixture(scope="module")
def found(opened, two_kinds):
    return report(look(opened, two_kinds, most_tasks=1000))


def test_a_report_has_a_row_for_every_verifier_and_its_figures_are_consistent(found, two_kinds):
    assert found["n_answers"] == int(np.isfinite(two_kinds.quality).sum())
    kinds = [row["verifier"] for row in found["verifiers"]]
    assert {"completeness", "format", "code", "arithmetic", "grounding", "learned", "agreement"} <= set(kinds)
    for row in found["verifiers"]:
        assert 0.0 <= row["speaks"] <= 1.0 and 0.0 <= row["auc"] <= 1.0 and row["ms"] >= 0.0
        if row["speaks"] == 0.0:
            assert row["added_auc"] == pytest.approx(0.0, abs=1e-9)
            assert row["missed_log_loss"] == pytest.approx(0.0, abs=1e-9)
    assert json.loads(json.dumps(found)) == found


def test_the_answer_model_adds_to_the_forecast_and_likelihood_ratios_have_intervals(found):
    rows = {row["verifier"]: row for row in found["verifiers"]}
    assert rows["learned"]["added_auc"] > 0.0 and rows["learned"]["added_log_loss"] > 0.0
    assert found["combined"]["auc"] > found["forecast"]["auc"]
    assert all(row["low"] <= row["ratio"] <= row["high"] and row["answers"] > 0 for row in found["findings"])


def test_too_few_answers_are_refused(opened, two_kinds):
    with pytest.raises(DataError, match="judging verifiers takes at least 50"):
        look(opened, two_kinds, most_tasks=3)


def test_a_judge_that_is_always_right_and_one_that_always_says_yes_are_told_apart():
    qualities = [1.0] * 200 + [0.0] * 200
    able = measure_bias([Verdict(q, q == 1.0, q == 1.0) for q in qualities])
    assert able.ratio(True) > 20 and able.ratio(False) < 0.05 and able.flips == 0.0
    lenient = measure_bias([Verdict(q, True, True) for q in qualities])
    assert lenient.ratio(True) == pytest.approx(1.0, abs=0.02) and lenient.leniency > 0.9


def test_a_judge_that_takes_the_first_word_offered_flips_on_every_answer():
    swayed = measure_bias([Verdict(q, True, False) for q in (1.0, 0.0) * 20])
    assert swayed.flips == 1.0 and swayed.yes_offered_first == 1.0 and swayed.yes_offered_last == 0.0


def test_a_judge_worse_than_a_coin_is_worth_nothing():
    backwards = measure_bias([Verdict(q, q == 0.0) for q in (1.0, 0.0) * 50])
    assert backwards.ratio(True) == backwards.ratio(False) == 1.0 and backwards.flips is None


def test_replies_that_are_neither_are_counted_and_no_verdict_at_all_is_refused():
    assert measure_bias([Verdict(1.0, True), Verdict(0.0, False), Verdict(0.0, None)]).n_unread == 1
    with pytest.raises(UsageError, match="said yes or no to 0 right and 0 wrong"):
        measure_bias([Verdict(1.0, None)])


def test_a_bias_survives_its_file_and_anything_else_is_refused(tmp_path):
    path = tmp_path / "judge" / "bias.json"
    USUAL_BIAS.save(path)
    assert load_bias(path) == USUAL_BIAS
    path.write_text('{"yes_if_right": 2}')
    with pytest.raises(DataError, match="pointsman verifiers calibrate"):
        load_bias(path)


def test_cases_are_half_right_half_wrong_and_replies_are_recorded_and_replayed(two_kinds, tmp_path):
    cases, path, asked = draw_cases(two_kinds, 20), tmp_path / "replies.jsonl", []
    assert [case.quality >= 0.5 for case in cases] == [True, False] * 10

    def ask(text):
        asked.append(text)
        return Attempt("judge", None, error="down") if len(asked) == 3 else Attempt("judge", "YES", usd=0.1)

    ask_all(cases, ask, [], lambda reply: append_reply(path, reply))
    assert len(asked) == 40 and len(read_replies(path)) == 39
    assert asked[0].endswith("YES or NO.") and asked[1].endswith("NO or YES.")
    again = ask_all(cases, None, read_replies(path), lambda reply: None)
    bias = measure_bias(verdicts(cases, again))
    assert len(again) == 39 and bias.n_right + bias.n_wrong == 19


def test_a_line_that_is_no_reply_is_named(tmp_path):
    path = tmp_path / "replies.jsonl"
    assert read_replies(path) == []
    path.write_text('{"task": 1}\n')
    with pytest.raises(DataError, match="line 1 is no reply of a judge"):
        read_replies(path)


def test_a_narrow_terminal_folds_names_and_cuts_no_figure(found):
    page = io.StringIO()
    Console(file=page, width=80).print(
        _table(COLUMNS, found["verifiers"]), _table(FINDING_COLUMNS, found["findings"])
    )
    assert "…" not in page.getvalue()
    for columns, rows in ((COLUMNS, found["verifiers"]), (FINDING_COLUMNS, found["findings"])):
        assert all(shown(row) in page.getvalue() for row in rows for _, shown in columns[1:])
