"""What the command line shows of a decision and of an answer."""

import io
import json

import pytest
from rich.console import Console

from orchestrator.pages import answer_page, comparison_page, decision_page, path_tree, shortened
from router_training.contract import Forecast

FORECASTS = (Forecast("a[1]", 0.5, 0.001, float("nan"), 0.25), Forecast("b", 0.9, 0.004, 2.0, 0.25))
ATTEMPT = {"confidence": 0.5, "error": None, "usd": 0.1, "latency_s": 2.0, "evidence": []}
ANSWER = {
    "result": "four [4]",
    "model": "b",
    "confidence": 0.5,
    "usd": 0.1,
    "latency_s": float("nan"),
    "path": ["router", "a", "b"],
    "decision": {"reason": "because"},
    "attempts": [
        {**ATTEMPT, "model": "a", "recorded": True},
        {**ATTEMPT, "model": "b", "recorded": False},
        {**ATTEMPT, "model": "c", "recorded": False, "error": "timed out", "confidence": None},
    ],
}


@pytest.fixture
def console():
    return Console(file=io.StringIO(), record=True, width=120)


def no_constant(name):
    raise AssertionError(f"{name} is not JSON")


def test_a_decision_shows_every_forecast_the_choice_and_how_it_is_made(console):
    decision_page(console, FORECASTS, "b", 0.8, 0.004, "here", as_json=False)
    printed = console.export_text()
    assert "b, at dial 0.8 (here)" in printed and "a[1]" in printed and "Novelty 0.25" in printed
    assert "unknown" in printed and "nan" not in printed
    assert printed.index("+0.520") < printed.index("+0.350"), "the chosen one stands first"


def test_json_is_strict_where_a_latency_is_unknown(console, capsys):
    decision_page(Console(), FORECASTS, "b", 0.8, 0.004, "here", as_json=True)
    decision = json.loads(capsys.readouterr().out, parse_constant=no_constant)
    assert decision["model"] == "b" and decision["forecasts"][0]["latency_s"] is None
    answer_page(Console(), {**ANSWER, "messages": [object()]}, as_json=True)
    answer = json.loads(capsys.readouterr().out, parse_constant=no_constant)
    assert answer["latency_s"] is None and answer["result"] == "four [4]" and "messages" not in answer


def test_only_recorded_attempts_are_called_recordings(console):
    console.print(path_tree(ANSWER))
    lines = [line for line in console.export_text().splitlines() if "$" in line]
    assert ["recorded" in line for line in lines] == [True, False, False, False]
    assert "timed out" in lines[2]


def test_an_answer_is_printed_as_it_is_before_its_path(console):
    answer_page(console, ANSWER, as_json=False)
    assert console.export_text().startswith("four [4]\n")


def test_a_trace_shows_every_forecast_and_what_each_check_said_took_and_cost(console):
    found = {
        "kind": "check",
        "reason": "b finds it right",
        "p_correct": 0.9,
        "usd": 0.02,
        "latency_s": 0.5,
        "model": "b",
    }
    attempt = {
        **ATTEMPT,
        "model": "a",
        "text": "four",
        "recorded": False,
        "evidence": [found],
        "delay_s": 2.0,
    }
    forecasts = [{"model": "a", "p_success": 0.5, "usd": 0.001, "latency_s": float("nan")}]
    answer = {**ANSWER, "attempts": [attempt], "decision": {"reason": "because", "forecasts": forecasts}}
    console.print(path_tree(answer, trace=True))
    printed = console.export_text()
    assert "a: succeeds with 50%, $0.001" in printed and "nan s" not in printed.split("in all")[0]
    assert "said: four" in printed and "from second 2.00" in printed
    assert "check: b finds it right (right with 90%, $0.02, 500.0 ms)" in printed


def test_a_comparison_stands_side_by_side_and_counts_checks_as_calls(console, capsys):
    found = {"model": "b"}
    answer = {**ANSWER, "attempts": [{**ATTEMPT, "model": "a", "evidence": [found, {"model": None}]}]}
    comparison_page(console, {"cascade": answer, "ensemble[2]": ANSWER}, as_json=False)
    lines = console.export_text().splitlines()
    counts = [line.split()[2] for line in lines if line.startswith(("cascade ", "ensemble[2] "))]
    assert counts == ["2", "3"]
    assert [line.strip() for line in lines[-2:]] == ["cascade, ensemble[2]:", "four [4]"], "who said the same"
    comparison_page(Console(), {"cascade": {**ANSWER, "messages": [object()]}}, as_json=True)
    assert json.loads(capsys.readouterr().out, parse_constant=no_constant)["cascade"]["model"] == "b"


def test_a_long_answer_is_shortened_to_one_line():
    assert shortened("a\n b") == "a b" and len(shortened("x" * 500)) == 120
