"""The page, the summary and their sentences: what they hold, what they claim, and what can never break out of them."""

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from router_training.contract import Outcome, UsageError
from router_training.judgement import judge_policy
from router_training.judging.bootstrap import Interval
from router_training.outcomes import OutcomeTable
from router_training.reporting.files import FIGURES, PAGE, REPORTS, write_judgement
from router_training.reporting.page import report_page
from router_training.reporting.payload import MOST_TEXT, packed, payload
from router_training.reporting.story import not_measured, saving_sentence
from router_training.reporting.summary import summary

ATTACK = "</script><script>document.title='owned'</script><!-- \u2028 {{data}}"


@pytest.fixture(scope="module")
def judgement(two_kinds_policy, more_of_two_kinds, vector_folder):
    table = more_of_two_kinds.take(range(200))
    return judge_policy(two_kinds_policy, table, part="Judged.", n_boot=100, cache_dir=vector_folder)


def data_of(page):
    found = re.search(r'<script type="application/json" id="report">(.*?)</script>', page, re.DOTALL)
    return json.loads(found.group(1))


def unpacked(part, shape):
    kind = {"u1": "u1", "u2": "<u2", "f4": "<f4"}[part["type"]]
    numbers = np.frombuffer(base64.b64decode(part["data"]), dtype=kind)
    if part["type"] == "f4":
        return numbers.astype(float).reshape(shape)
    return np.where(numbers == np.iinfo(kind).max, np.nan, numbers / part["scale"]).reshape(shape)


@pytest.mark.parametrize(
    ("values", "scale", "kind"),
    [
        ([0.0, 1.0, np.nan], None, "u1"),
        ([0.0, 255.0], None, "u2"),
        ([0.0, 65535.0], None, "f4"),
        ([-1.0, 2.0], None, "f4"),
        ([0.25, np.nan, 0.75], None, "f4"),
        ([0.25, np.nan, 0.75], 65534, "u2"),
        ([0.5, 70.0], 1000.0, "f4"),
        ([np.nan, np.nan], None, "u1"),
    ],
)
def test_numbers_are_packed_as_small_as_keeps_them(values, scale, kind):
    part = packed(np.array(values), scale)
    assert part["type"] == kind
    np.testing.assert_allclose(unpacked(part, len(values)), values, rtol=1e-4)


def test_the_page_holds_the_outcomes_and_forecasts_that_were_judged(judgement):
    held = payload(judgement)
    shape, table = (200, 2), judgement.table
    np.testing.assert_array_equal(unpacked(held["quality"], shape), table.quality)
    np.testing.assert_allclose(unpacked(held["usd"], shape), table.cost_usd, rtol=1e-6)
    np.testing.assert_allclose(unpacked(held["p"], shape), judgement.forecasts.p_success, atol=1e-5)
    np.testing.assert_allclose(unpacked(held["seconds"], shape), table.latency_s, atol=5e-4)
    prices = np.array(held["prices"])
    usd = (
        unpacked(held["readForecast"], shape) * prices[:, 0]
        + unpacked(held["writtenForecast"], shape) * prices[:, 1]
    )
    np.testing.assert_allclose(usd / 1e6, judgement.forecasts.usd, rtol=0.01)
    assert held["examples"]["prompts"][0] in table.prompts and held["twinP"] is None


def test_more_tasks_than_fit_are_drawn_evenly_and_counted(judgement, monkeypatch):
    monkeypatch.setattr("router_training.reporting.payload.MOST_TASKS", 50)
    held = payload(judgement)
    assert (held["n"], held["nAll"]) == (50, 200) and len(unpacked(held["quality"], (50, 2))) == 50
    assert max(held["examples"]["at"]) < 50


def test_prompts_take_no_more_room_than_they_may(judgement, monkeypatch):
    monkeypatch.setattr("router_training.reporting.payload.MOST_TEXT", 2_000)
    held = payload(judgement)["examples"]
    assert 0 < len("".join(held["prompts"])) <= 2_000 < MOST_TEXT
    assert held["at"] == sorted(held["at"])


def test_nothing_from_outside_can_leave_its_place(two_kinds_policy, vector_folder, judgement):
    rows = [
        Outcome(
            f"{ATTACK}{i}",
            f"{i} {ATTACK}",
            model,
            float(i % 2),
            task_type=ATTACK,
            source=ATTACK,
            cost_usd=0.1,
            response=ATTACK,
        )
        for i in range(40)
        for model in ("large", "small")
    ]
    table = OutcomeTable.from_outcomes(rows, origin=ATTACK)
    page = report_page(judge_policy(two_kinds_policy, table, part=ATTACK, n_boot=50, cache_dir=vector_folder))
    own = report_page(judgement)
    assert page.count("<script") == own.count("<script") and page.count("</script") == own.count("</script")
    assert data_of(page)["types"]["names"] == [ATTACK] and "{{data}}" in data_of(page)["examples"]["ids"][0]


def test_the_page_asks_nobody_for_anything(judgement):
    page = report_page(judgement, made=datetime(2026, 1, 31, tzinfo=UTC))
    assert "2026-01-31" in page and "default-src 'none'" in page
    addresses = set(re.findall(r"https?://[^\"' )]+", page)) - {"http://www.w3.org/2000/svg"}
    assert addresses == set()


def test_a_page_of_many_tasks_stays_below_five_megabytes():
    n, m = 12_000, 6
    rng = np.random.default_rng(0)
    floats, tokens = rng.random((n, m)) * 1e-3, rng.integers(1, 4000, (n, m)).astype(float)
    parts = [packed(rng.integers(0, 2, (n, m)).astype(float)), packed(floats), packed(floats * 1e4, 1000.0)]
    parts += [packed(tokens)] * 2 + [packed(tokens + 0.3, 16.0)] * 2 + [packed(floats * 999, 65_534)] * 2
    assert len(json.dumps(parts)) + 2 * MOST_TEXT < 5_000_000


def test_all_files_are_written_and_the_json_is_that_of_the_evaluation(judgement, tmp_path):
    write_judgement(judgement, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*FIGURES, *REPORTS}
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text()) == judgement.evaluation.as_dict()
    assert (tmp_path / "out" / PAGE).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_a_folder_that_cannot_be_written_is_a_usage_error(judgement, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written"):
        write_judgement(judgement, tmp_path / "file")


def told(judgement, lift, share, gain):
    """Return the sentence where these intervals had been found."""
    found = judgement.evaluation
    equal = replace(found.operating, cost_share_of_best=Interval(*share), gain_over_best=Interval(*gain))
    return saving_sentence(replace(found, lift=Interval(*lift), equal_quality=equal))


def test_a_saving_is_claimed_only_where_its_whole_interval_is_one(judgement):
    won, level = (0.05, 0.04, 0.06), (0.0, -0.01, 0.01)
    assert told(judgement, won, (0.4, 0.35, 0.45), level).startswith(
        "Routing would save 60% (95% interval 55% to 65%)"
    )
    assert "at a quality not surely different: +0.0 points" in told(judgement, won, (0.4, 0.35, 0.45), level)
    assert "answer better, by 3.0 points" in told(judgement, won, (0.4, 0.3, 0.5), (0.03, 0.01, 0.05))
    assert "answer worse, by 3.0 points" in told(judgement, won, (0.4, 0.3, 0.5), (-0.03, -0.05, -0.01))
    assert "might save" in told(judgement, won, (0.9, 0.7, 1.1), level)
    assert "no dial" in told(judgement, won, (1.0, 1.0, 1.0), level)


def test_where_the_lift_may_be_nothing_routing_would_not_be_sure_to_pay(judgement):
    share, level = (0.4, 0.35, 0.45), (0.0, -0.01, 0.01)
    assert "would not be sure to pay" in told(judgement, (0.01, -0.01, 0.03), share, level)
    assert "would not pay here" in told(judgement, (-0.02, -0.03, -0.01), share, level)
    assert "would not be sure to pay" in told(judgement, (0.01, float("nan"), float("nan")), share, level)


def test_what_was_not_measured_is_said(judgement):
    said = " ".join(not_measured(judgement))
    assert "neither task types nor sources" in said and "no twin" in said and "latency" not in said


def test_the_summary_is_a_claim_a_table_and_the_intervals(judgement):
    found = summary(judgement.evaluation, judgement.part)
    assert found.startswith(f"**{saving_sentence(judgement.evaluation)}**")
    rows = [line for line in found.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in rows} == {5} and "always large (best)" in found
    assert "95%, 100 paired resamples of 200 tasks" in found
