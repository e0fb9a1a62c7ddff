"""The race: a stand-in starts when a model is late, the first answer ends it, and the loser is charged as forecast."""

import asyncio
import time

import numpy as np
import pytest

from orchestrator.graph import build_graph
from orchestrator.health import Health
from orchestrator.models import ModelError, Reply, ScriptedModel, recorded_models
from orchestrator.moves import Accept, Ask, GiveUp
from orchestrator.nodes.race import Race
from router_training.contract import Attempt, Forecast, Forecasts, ModelCard, Outcome, UsageError
from router_training.outcomes import OutcomeTable

CARDS = {
    name: ModelCard(name, 1.0, 1.0, roles=(role,)) for name, role in (("slow", "cheap"), ("quick", "fast"))
}
RACE = Race("slow", ("quick",), 0.05, {"slow": 0.5, "quick": 0.25})


def hedged(after_s=0.05):
    def strategy(situation):
        if not situation.attempts:
            return Ask(("slow",), hedge=("quick",), after_s=after_s)
        best = situation.best()
        return Accept(best) if best else GiveUp(situation.failures())

    return strategy


def graph(slow, quick, after_s=0.05):
    models = {
        name: ScriptedModel(label=name, script=script) for name, script in (("slow", slow), ("quick", quick))
    }
    return build_graph(catalogue=CARDS, models=models, strategy=hedged(after_s))


def shape(state):
    return [(one["model"], one["text"], one["cancelled"]) for one in state["attempts"]]


@pytest.fixture(params=["invoke", "ainvoke"])
def answer(request):
    """Return a function that asks a graph through its sync or its async face."""

    def ask(one, call=None):
        call = call or {"input": "2 + 2?"}
        return one.invoke(call) if request.param == "invoke" else asyncio.run(one.ainvoke(call))

    return ask


def test_a_model_in_time_has_no_stand_in(answer):
    state = answer(graph("4", "four", after_s=5.0))
    assert shape(state) == [("slow", "4", False)] and state["path"][1:3] == ["slow", "verifier"]


def test_the_stand_in_of_a_late_model_answers_and_the_late_one_is_charged_its_forecast(answer):
    state = answer(graph(Reply("4", latency_s=20.0), "four"))
    assert shape(state) == [("slow", None, True), ("quick", "four", False)]
    late, winner = state["attempts"]
    forecast = next(one for one in state["decision"]["forecasts"] if one["model"] == "slow")
    assert late["usd"] == forecast["usd"] > 0.0 and late["usd_estimated"]
    assert "quick answered first" in late["error"]
    assert winner["delay_s"] == 0.05 and state["latency_s"] < 10.0
    assert state["usd"] == pytest.approx(late["usd"] + winner["usd"])
    assert "then quick if there is no answer after 0.05 s" in state["decision"]["reason"]


def test_a_late_model_still_wins_over_a_slower_stand_in(answer):
    state = answer(graph(Reply("4", latency_s=0.3), Reply("four", latency_s=20.0)))
    assert shape(state) == [("slow", "4", False), ("quick", None, True)]


def test_a_failure_before_the_stand_in_starts_is_left_to_the_strategy(answer):
    state = answer(graph(ModelError("down"), "four", after_s=5.0))
    assert shape(state)[0] == ("slow", None, False) and state["model"] == "quick"
    assert "fallback" in state["path"]


def test_when_the_stand_in_fails_the_late_answer_is_awaited(answer):
    state = answer(graph(Reply("4", latency_s=0.3), ModelError("down")))
    assert shape(state) == [("slow", "4", False), ("quick", None, False)]
    assert state["attempts"][1]["error"] == "down"


def test_when_both_fail_both_say_why(answer):
    class LateFailure(ScriptedModel):
        def _generate(self, *args, **kwargs):
            time.sleep(0.2)
            raise ModelError("lost")

        async def _agenerate(self, *args, **kwargs):
            await asyncio.sleep(0.2)
            raise ModelError("lost")

    models = {
        "slow": LateFailure(label="slow"),
        "quick": ScriptedModel(label="quick", script=ModelError("down")),
    }
    state = answer(build_graph(catalogue=CARDS, models=models, strategy=hedged()))
    assert state["model"] is None and state["error"] == "slow failed: lost; quick failed: down"


async def test_a_cancelled_race_leaves_no_call_running():
    stopped = []

    class Watched(ScriptedModel):
        async def _agenerate(self, *args, **kwargs):
            try:
                return await super()._agenerate(*args, **kwargs)
            except asyncio.CancelledError:
                stopped.append(self.label)
                raise

    models = {name: Watched(label=name, script=Reply("x", latency_s=30.0)) for name in CARDS}
    one = build_graph(catalogue=CARDS, models=models, strategy=hedged(0.01))
    task = asyncio.create_task(one.ainvoke({"input": "hi"}))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.01)
    assert sorted(stopped) == ["quick", "slow"]


@pytest.mark.parametrize(("quick_s", "winner", "waited_s"), [(1.0, "quick", 3.0), (6.0, "slow", 7.0)])
def test_recordings_race_by_the_latency_they_had(answer, quick_s, winner, waited_s):
    rows = [
        Outcome("t", "2 + 2?", name, 1.0, response=name, cost_usd=0.1, latency_s=latency_s)
        for name, latency_s in (("slow", 7.0), ("quick", quick_s))
    ]
    models = recorded_models(OutcomeTable.from_outcomes(rows))
    state = answer(build_graph(catalogue=CARDS, models=models, strategy=hedged(2.0)))
    assert state["result"] == winner and state["usd"] == pytest.approx(0.2)
    assert waited_s <= state["latency_s"] < waited_s + 1.0
    assert [one["cancelled"] for one in state["attempts"]] == [winner == "quick", winner == "slow"]


def test_a_stand_in_that_failed_after_the_answer_counts_as_cancelled():
    drafts = {
        "slow": Attempt("slow", "4", latency_s=0.1, recorded=True),
        "quick": Attempt("quick", None, error="down", latency_s=9.0, recorded=True),
    }
    assert [one.cancelled for one in RACE.result(drafts, tuple(drafts))] == [False, True]


def test_stand_ins_and_sources_need_exactly_one_model():
    with pytest.raises(UsageError, match="exactly one model"):
        Ask(("a", "b"), hedge=("c",))
    with pytest.raises(UsageError, match="exactly one model"):
        Ask(("a", "b"), sources=(Attempt("c", "x"),))
    with pytest.raises(UsageError, match="after_s is -1"):
        Ask(("a",), hedge=("b",), after_s=-1.0)


class Expects:
    """A policy that expects every model to take 20 ms."""

    models = tuple(CARDS)

    def forecast(self, prompts):
        n = len(prompts)
        shape = (n, len(self.models))
        return Forecasts(
            self.models, np.full(shape, 0.5), np.full(shape, 1e-4), np.full(shape, 0.02), np.zeros(n)
        )


@pytest.mark.parametrize(("after_s", "is_late"), [(0.1, True), (0.0, False)])
async def test_a_cancelled_call_teaches_how_long_its_model_takes_at_least_once_it_was_late(after_s, is_late):
    health = Health()
    models = {
        "slow": ScriptedModel(label="slow", script=Reply("4", latency_s=20.0)),
        "quick": ScriptedModel(label="quick", script=lambda prompt: "four"),
    }
    one = build_graph(
        Expects(), catalogue=CARDS, models=models, strategy=hedged(after_s=after_s), health=health
    )
    for _ in range(5):
        assert shape(await one.ainvoke({"input": "2 + 2?"}))[0] == ("slow", None, True)
    expected = Forecast("slow", 0.5, 1e-4, 0.02)
    taken = health.latency("slow").adjusted(expected)
    assert (taken.latency_s >= 0.02 * 2 / 3 + 0.1 / 3) is is_late and (taken == expected) is not is_late
