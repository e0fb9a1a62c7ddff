"""Figures that say whether recent traffic still is what the router was trained on."""

from dataclasses import replace

from orchestrator.feedback import note_refused
from orchestrator.status_command import backlog
from router_training.contract import Outcome
from router_training.drift import FEWEST, drift
from router_training.tables.rows import outcomes_of_table


def traffic(table, model="large", **changes):
    rows = [row for row in outcomes_of_table(table) if row.model == model]
    return [
        replace(row, label_source="verifier", task_type="sum" if "plus" in row.prompt else "poem", **changes)
        for row in rows
    ]


def over(policy, rows):
    return {figure.name for figure in drift(policy, rows) if figure.is_over}


def test_traffic_like_training_passes_no_threshold(two_kinds_policy, more_of_two_kinds):
    rows = traffic(more_of_two_kinds)
    figures = drift(two_kinds_policy, [*rows, *rows])
    assert not any(figure.is_over for figure in figures), figures
    assert all(figure.value is not None for figure in figures) and len(figures) == 5


def test_each_way_to_drift_passes_its_own_threshold(two_kinds_policy, more_of_two_kinds):
    rows = traffic(more_of_two_kinds)
    usual = [*rows, *rows]
    wrong = [replace(row, quality=1.0 - (row.quality or 0.0)) for row in rows]
    assert over(two_kinds_policy, [*usual, *wrong]) == {"calibration error"}
    dear = [replace(row, cost_usd=3.0 * (row.cost_usd or 0.0)) for row in rows]
    assert over(two_kinds_policy, [*usual, *dear]) == {"prices"}
    failing = [replace(row, error="down", quality=None) if i % 3 else row for i, row in enumerate(rows)]
    assert over(two_kinds_policy, [*usual, *failing]) == {"failures of large"}
    sums = [row for row in usual if row.task_type == "sum"]
    assert over(two_kinds_policy, [*usual, *sums, *sums]) == {"mix of task types"}
    strange = [replace(row, prompt=f"SELECT {i} FROM ledger WHERE x > {i}") for i, row in enumerate(rows)]
    assert "novel prompts" in over(two_kinds_policy, [*usual, *strange])


def test_few_rows_say_nothing(two_kinds_policy, more_of_two_kinds):
    rows = traffic(more_of_two_kinds)[: FEWEST - 1]
    assert all(figure.value is None for figure in drift(two_kinds_policy, rows))
    assert all(figure.value is None for figure in drift(two_kinds_policy, []))
    alien = [Outcome(str(i), "hi", "unheard of", 0.5) for i in range(100)]
    assert over(two_kinds_policy, alien) == set()


def test_what_waits_is_counted_over_all_spools(tmp_path):
    assert backlog(tmp_path, 10**9).requests == 0
    for folder, lines in (("0", 3), ("1", 2)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "open.jsonl").write_text("{}\n" * lines)
        (tmp_path / folder / "unreadable.jsonl").write_text("{\n")
        note_refused(tmp_path / folder, 4)
    found = backlog(tmp_path, 10**9)
    assert (found.requests, found.bytes, found.refused) == (5, 15, 8)
    assert found.sentence() == "5 requests (0.0 of 1,000 MB) wait in spools, 8 were not kept"
