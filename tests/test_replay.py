"""Replaying strategies on recorded answers: the same as the graph makes of them, and judged fairly."""

import json
from dataclasses import replace

import numpy as np
import pytest

from orchestrator.graph import build_graph
from orchestrator.models import recorded_models
from orchestrator.replay import record, replay
from orchestrator.strategies import available, listed, load
from orchestrator.strategy_report import constants, render_strategies, report, write_strategies
from orchestrator.verifiers import standard
from router_training.contract import DataError, UsageError
from router_training.outcomes import OutcomeTable

STRATEGIES = (
    "cost_based",
    "cascade(threshold=0.9)",
    "ensemble",
    "fallback(cascade)",
    "self_verification(by_answering=True)",
    "task_based",
    "latency_aware",
    "latency_aware(deadline_s=1.0)",
)


@pytest.fixture(scope="module")
def recordings(two_kinds, two_kinds_policy):
    return record(two_kinds_policy, None, two_kinds)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_replay_comes_to_what_the_graph_comes_to(name, recordings, two_kinds, two_kinds_policy):
    found, models = replay(recordings, name), recorded_models(two_kinds)
    for i in range(12):
        # a fresh graph every time: one that has answered knows more of latencies than the policy does
        graph = build_graph(two_kinds_policy, strategy=name, models=models, verifier=standard(None))
        state = graph.invoke({"input": two_kinds.prompts[i]})
        assert found.usd[i] == pytest.approx(state["usd"])
        assert found.calls[i] == len(state["attempts"])
        assert found.quality[i] == two_kinds.quality[i, two_kinds.models.index(state["model"])]
        waited_s = state["latency_s"] - found.latency_s[i]
        assert 0.0 <= waited_s < 5.0, "the graph adds what the router itself took"


def test_always_one_model_is_what_the_table_says(recordings, two_kinds):
    large, small = constants(recordings)
    assert (large.name, small.name) == ("always large", "always small")
    assert np.array_equal(large.quality, two_kinds.quality[:, 0])
    assert large.usd == pytest.approx(two_kinds.cost_usd[:, 0], rel=0.01)


def test_a_report_compares_with_the_best_constant_and_the_mix_of_equal_cost(recordings, tmp_path):
    found = report(recordings, [replay(recordings, "cost_based")], dial=0.8, n_boot=200)
    best, other, mine = found.rows
    assert found.best == best.name == "always large" and best.gain_over_best.value == 0.0
    assert best.cost_share_of_best.value == 1.0 and other.gain_over_mix.value == pytest.approx(0.0)
    assert mine.gain_over_best.value == pytest.approx(mine.quality - best.quality)
    assert mine.gain_over_mix.low <= mine.gain_over_mix.value <= mine.gain_over_mix.high
    assert mine.cost_share_of_best.value == pytest.approx(mine.usd / best.usd) and mine.calls == 1.0
    write_strategies(found, tmp_path)
    assert json.loads((tmp_path / "strategies.json").read_text())["n_tasks"] == len(recordings)
    assert (tmp_path / "strategies.png").read_bytes().startswith(b"\x89PNG")
    assert render_strategies(found).row_count == 3


def test_what_recordings_do_not_hold_is_refused(recordings):
    with pytest.raises(
        UsageError, match=r"strategy self_verification: it has a model check .* replay a form"
    ):
        replay(recordings, "self_verification")


def test_a_task_that_some_model_did_not_answer_is_left_out_and_counted(two_kinds, two_kinds_policy):
    frame = two_kinds.frame.copy()
    frame.loc[frame.index[0], "response"] = None
    assert record(two_kinds_policy, None, OutcomeTable.from_frame(frame)).n_left_out == 1
    frame["response"] = np.where(frame["model"] == "small", None, frame["response"])
    with pytest.raises(DataError, match="no task that every model of the router answered"):
        record(two_kinds_policy, None, OutcomeTable.from_frame(frame))


def test_a_verifier_that_raises_ends_a_replay_whose_figures_it_would_falsify(recordings):
    class Broken:
        models = ()

        def confidence(self, prompt, forecasts, attempts):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        replay(replace(recordings, joint=Broken()), "cost_based")


def test_a_list_of_strategies_is_read_whole_or_refused():
    assert listed("all") == available()
    assert listed("cost_based, fallback(cascade(threshold=0.6)),") == (
        "cost_based",
        "fallback(cascade(threshold=0.6))",
    )
    for name in listed("all", recorded=True):
        load(name)
    for bad in ("", " , ", "nope", "cascade(", "cascade, cascade(heat=1)"):
        with pytest.raises(UsageError):
            listed(bad)
