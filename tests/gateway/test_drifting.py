"""Drift in /metrics is drift in `pointsman status`: the same figures over the same traffic."""

import math
from dataclasses import replace

import pytest

from orchestrator.gateway.drifting import MOST_TYPES, Drifting, drift_readings
from orchestrator.gateway.metrics import Metrics
from orchestrator.gateway.privacy import redacted
from orchestrator.graph import build_graph
from orchestrator.models import recorded_models
from orchestrator.rating import rated
from router_training.contract import Attempt, Evidence
from router_training.drift import RECENT, drift
from router_training.records.feedback_rows import outcomes_of, unique


def traffic(policy, table, n):
    """Records of a graph that answers the table's tasks, two kinds of them, with every tenth answer judged."""
    records = []
    graph = build_graph(policy, models=recorded_models(table), strategy="cascade", feedback=records.append)
    for prompt in table.prompts[:n]:
        graph.invoke({"input": prompt, "task_type": "sum" if "plus" in prompt else "poem"})
    return [
        rated(one, float(i % 20 == 0), "") if i % 10 == 0 and one.model else one
        for i, one in enumerate(records)
    ]


def rows_of(records):
    outcomes = unique(row for record in records for row in outcomes_of(record))
    return sorted(outcomes, key=lambda one: (one.time or "", one.task_id))


def alike(found, expected):
    assert [(one.key, one.name, one.n, one.at_most) for one in found] == [
        (one.key, one.name, one.n, one.at_most) for one in expected
    ]
    for one, other in zip(found, expected, strict=True):
        assert (one.value is None) == (other.value is None), one
        assert one.value is None or math.isclose(one.value, other.value, rel_tol=1e-3, abs_tol=2e-3), one


@pytest.fixture(scope="module")
def records(two_kinds_policy, more_of_two_kinds):
    return traffic(two_kinds_policy, more_of_two_kinds, 600)


def test_a_gateway_and_status_see_the_same_figures(two_kinds_policy, records):
    for n in (10, 300, 600):
        drifting = Drifting()
        for record in records[:n]:
            drifting(record)
        alike(drifting.figures(), drift(two_kinds_policy, rows_of(records[:n])))


def test_each_way_to_drift_passes_its_threshold_in_both(two_kinds_policy, records):
    def changed(how):
        return [*records[:500], *(how(one) for one in records[100:600])]

    def wrong(record):
        attempts = tuple(
            replace(one, confidence=1.0 - (one.confidence or 0.0), evidence=(Evidence("human", 0.0, ""),))
            for one in record.attempts
        )
        return again(record, attempts=attempts)

    def dear(record):
        return again(record, attempts=tuple(replace(one, usd=3.0 * one.usd) for one in record.attempts))

    def failing(record):
        down = tuple(Attempt(one.model, None, error="down") for one in record.attempts)
        return again(record, attempts=down, model=None)

    def again(record, **changes):
        return replace(record, trace_id=f"again {record.trace_id}", time=f"9{record.time[1:]}", **changes)

    for how, key in ((wrong, "calibration_error"), (dear, "prices"), (failing, "failures")):
        drifting, stream = Drifting(), changed(how)
        for record in stream:
            drifting(record)
        mine, theirs = drifting.figures(), drift(two_kinds_policy, rows_of(stream))
        alike(mine, theirs)
        assert key in {one.key for one in mine if one.is_over}, (key, mine)


def test_what_a_person_says_later_moves_the_figure_and_an_old_answer_nothing(records):
    drifting = Drifting()
    for record in records[:200]:
        drifting(record)
    before = {one.key: one for one in drifting.figures()}
    for record in records[:200]:
        if record.model is not None:
            drifting.again(rated(record, 0.0, ""))
    after = {one.key: one for one in drifting.figures()}
    assert after["calibration_error"].n > before["calibration_error"].n
    assert after["calibration_error"].is_over and not before["calibration_error"].is_over
    assert after["failures"].n == before["failures"].n
    drifting.again(records[300])
    assert {one.key: one for one in drifting.figures()} == after


def test_memory_and_labels_stay_bounded_whatever_callers_name(request_record):
    drifting = Drifting()
    for i in range(RECENT + MOST_TYPES + 300):
        drifting(request_record(i, task_type=f"type {i}"))
    assert len(drifting._seen) == RECENT and len(drifting._before) <= MOST_TYPES + 1
    assert sum(drifting._before.values()) == MOST_TYPES + 300
    text = Metrics(readings=drift_readings(drifting.figures)).text().decode()
    series = [line for line in text.splitlines() if line.startswith("pointsman_drift")]
    assert len(series) <= 15 and "type 7" not in text and "small" not in text


def test_prometheus_reads_the_value_its_threshold_and_the_number_of_answers(records):
    drifting = Drifting()
    text = Metrics(readings=drift_readings(drifting.figures)).text().decode()
    assert 'pointsman_drift{figure="failures"}' not in text, "too few tell"
    for record in records[:200]:
        drifting(record)
    lines = Metrics(readings=drift_readings(drifting.figures)).text().decode().splitlines()
    found = {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if "drift" in line[:16]
    }
    for one in drifting.figures():
        at = f'{{figure="{one.key}"}}'
        assert found[f"pointsman_drift_at_most{at}"] == one.at_most
        assert found[f"pointsman_drift_answers{at}"] == one.n
        assert (f"pointsman_drift{at}" in found) == (one.value is not None)
        assert one.value is None or found[f"pointsman_drift{at}"] == pytest.approx(one.value)


def test_a_judged_answer_counts_where_prompts_are_not_kept(records):
    drifting = Drifting()
    for record in records[:100]:
        drifting(record)
    before = {one.key: one.n for one in drifting.figures()}
    for record in records[:100]:
        drifting.again(redacted(record, "none"))
    assert {one.key: one.n for one in drifting.figures()} == before
