"""A second model is asked in the shadow of a share of requests: nobody waits for it, sees it or is judged by it."""

import asyncio
import threading
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SkipValidation

from orchestrator.feedback import MemorySink, from_json, to_json
from orchestrator.graph import build_graph
from orchestrator.models import Reply, ScriptedModel
from orchestrator.shadowing import BUDGET, BUSY, DailyPurse, Shadow, Shadows
from router_training.contract import SHADOW, DataError, ModelCard, UsageError
from router_training.off_policy import logged, replay
from router_training.records.feedback_rows import outcomes_of, traffic_metrics
from router_training.records.traces import tags_of

CARDS = {name: ModelCard(name, price, price) for name, price in (("a", 1.0), ("b", 2.0), ("c", 4.0))}
ALWAYS = Shadow(1.0)


class Held(ScriptedModel):
    """A model that answers once it may."""

    is_free: SkipValidation[Any]

    def _generate(self, *args, **kwargs):
        assert self.is_free.wait(20)
        return super()._generate(*args, **kwargs)

    async def _agenerate(self, *args, **kwargs):
        if isinstance(self.is_free, asyncio.Event):
            await self.is_free.wait()
        else:
            assert await asyncio.to_thread(self.is_free.wait, 20)
        return super()._generate(*args, **kwargs)


def shadowed(shadow=ALWAYS, script=None, purse=None, **options):
    """A graph over three models, what it tells feedback, and what asks in its shadow."""
    sink = MemorySink()
    shadows = Shadows(shadow, sink, purse)
    models = {name: ScriptedModel(label=name, script=Reply(f"{name} says 4", 10, 5)) for name in CARDS}
    models |= script or {}
    graph = build_graph(
        catalogue=CARDS, models=models, strategy="cost_based", feedback=sink, shadow=shadows, **options
    )
    return graph, sink, shadows


def test_a_second_model_is_asked_and_verified_and_its_row_says_so():
    graph, sink, shadows = shadowed()
    state = graph.invoke({"input": "What is 2 + 2?"})
    shadows.wait()
    served, second = sink.records
    assert (state["result"], state["model"], len(state["attempts"])) == ("a says 4", "a", 1)
    assert state["usd"] == served.usd == CARDS["a"].usd(10, 5)
    assert served.shadow_of is None and second.shadow_of == served.trace_id != second.trace_id
    assert second.model in ("b", "c") and second.usd == CARDS[second.model].usd(10, 5)
    assert second.decision.propensity == 0.5 and second.confidence is not None
    assert from_json(to_json(second)).shadow_of == served.trace_id
    (row,) = outcomes_of(second)
    assert (row.task_id, row.prompt, row.source) == (served.trace_id, "What is 2 + 2?", SHADOW)
    assert row.propensity == 0.5
    assert tags_of(second)["shadow"] == "true" and "shadow" not in tags_of(served)
    figures = traffic_metrics([served, second])
    assert (figures["requests"], figures["usd"]) == (1, served.usd)
    assert (figures["shadow_requests"], figures["shadow_usd"]) == (1, second.usd)


def test_models_are_asked_as_often_as_their_propensity_says():
    graph, sink, _ = shadowed(Shadow())
    graph.invoke({"input": "hi"})
    (record,) = sink.records
    shadow, found = Shadow(0.3), Counter()
    for i in range(4000):
        found[shadow.drawn(replace(record, trace_id=f"request {i}"))] += 1
    assert set(found) == {None, ("b", 0.15), ("c", 0.15)}
    for drawn, count in found.items():
        p = 0.7 if drawn is None else drawn[1]
        assert abs(count / 4000 - p) < 4 * (p * (1 - p) / 4000) ** 0.5
    assert {Shadow(1.0, "c").drawn(replace(record, trace_id=str(i))) for i in range(50)} == {("c", 1.0)}
    assert Shadow(1.0, "a").drawn(record) is None, "it answered already"
    assert Shadow(1.0).drawn(record, below_usd=0.0) is None
    assert Shadow(0.0).drawn(record) is None and Shadow(1.0).drawn(replace(record, model=None)) is None


def test_a_model_that_the_request_denies_is_never_asked():
    graph, sink, shadows = shadowed()
    for i in range(10):
        graph.invoke({"input": f"hi {i}", "allow": ["a", "b"]})
    shadows.wait()
    assert {one.model for one in sink.records if one.shadow_of is not None} == {"b"}
    graph.invoke({"input": "hi", "allow": ["a"]})
    shadows.wait()
    assert sink.records[-1].shadow_of is None


@pytest.mark.parametrize("how", ["invoke", "ainvoke", "stream", "astream"])
def test_nobody_waits_for_the_second_answer_or_sees_it(how):
    is_free = threading.Event()
    slow = Held(label="c", script="never shown", is_free=is_free)
    graph, sink, shadows = shadowed(Shadow(1.0, "c"), {"c": slow})
    request, shown = {"messages": [("user", "hi")]}, []

    async def later():
        if how == "ainvoke":
            shown.append(await graph.ainvoke(request))
        else:
            shown.extend([one async for one in graph.astream(request, stream_mode=["messages", "values"])])
        assert len(sink.records) == 1, "the answer is there, the second one is not"
        is_free.set()
        await asyncio.wait_for(asyncio.gather(*shadows.under_way()), 20)

    if how in ("invoke", "stream"):
        got = (
            graph.invoke(request)
            if how == "invoke"
            else list(graph.stream(request, stream_mode=["messages", "values"]))
        )
        shown.append(got)
        assert len(sink.records) == 1
        is_free.set()
        shadows.wait()
    else:
        asyncio.run(later())
    assert "a says 4" in str(shown) and "never shown" not in str(shown)
    assert sink.records[1].result == "never shown"


def test_a_second_model_that_fails_harms_nothing_and_is_recorded_as_a_failure():
    def down(messages):
        raise TimeoutError("down")

    graph, sink, shadows = shadowed(Shadow(1.0, "c"), {"c": ScriptedModel(label="c", script=down)})
    for i in range(10):
        assert graph.invoke({"input": f"hi {i}"})["model"] == "a"
        shadows.wait()
    seconds = [one for one in sink.records if one.shadow_of is not None]
    assert seconds and all(one.model is None and outcomes_of(one)[0].quality is None for one in seconds)
    assert len(seconds) + shadows.passed_over["unavailable"] == 10, "its own breaker spares the endpoint"
    assert "c" not in sink.records[-1].decision.barred, "served requests know nothing of it"


def test_its_budget_is_never_passed_however_many_ask_at_once():
    most = CARDS["c"].usd(2, 4096)
    graph, sink, shadows = shadowed(Shadow(1.0, "c", at_once=16), purse=DailyPurse(3.5 * most))
    asking = [threading.Thread(target=graph.invoke, args=({"input": "hi"},)) for _ in range(12)]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    shadows.wait()
    seconds = [one for one in sink.records if one.shadow_of is not None]
    assert sum(one.usd for one in seconds) <= 3.5 * most
    assert len(seconds) + shadows.passed_over[BUDGET] == 12


def test_a_purse_gives_no_more_on_one_day_than_it_holds_and_gives_back_what_was_not_spent():
    day = ["2026-01-01"]
    purse = DailyPurse(1.0, lambda: day[0])
    first, second = purse.reserve(0.6), purse.reserve(0.5)
    assert first is not None and second is None
    purse.settle(first, 0.1)
    assert purse.reserve(0.9) is not None and purse.reserve(0.1) is None
    day[0] = "2026-01-02"
    assert purse.reserve(1.0) is not None


def test_where_too_many_are_under_way_requests_are_passed_over_and_counted():
    is_free = threading.Event()

    def slow(messages):
        assert is_free.wait(20)
        return "4"

    shadow = Shadow(1.0, "c", at_once=2)
    graph, sink, shadows = shadowed(shadow, {"c": ScriptedModel(label="c", script=slow)})
    for i in range(5):
        graph.invoke({"input": f"hi {i}"})
    is_free.set()
    shadows.wait()
    assert shadows.passed_over[BUSY] == 3 and len(sink.records) == 5 + 2


def test_a_call_that_the_end_of_the_loop_breaks_off_is_recorded_at_its_forecast_price():
    held = Held(label="c", script="never", is_free=asyncio.Event())
    graph, sink, shadows = shadowed(Shadow(1.0, "c"), {"c": held})

    async def once():
        await graph.ainvoke({"input": "hi"})
        await asyncio.sleep(0.2)
        await shadows.close()

    asyncio.run(once())
    (_, second) = sink.records
    assert second.attempts[0].cancelled and second.usd > 0.0 and second.model is None


def test_a_request_that_tools_answered_is_not_asked_again():
    graph, sink, shadows = shadowed()
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    cards = {name: replace(card, capabilities=frozenset({"text", "tools"})) for name, card in CARDS.items()}
    models = {name: ScriptedModel(label=name, script="4") for name in cards}
    graph = build_graph(catalogue=cards, models=models, feedback=sink, shadow=shadows)
    graph.invoke({"messages": [("user", "hi")], "tools": [tool]})
    shadows.wait()
    assert len(sink.records) == 1


def test_the_value_of_what_was_served_has_no_part_of_what_was_asked_in_shadow(
    two_kinds_policy, more_of_two_kinds
):
    from router_training.tables.rows import outcomes_of_table

    rows = [
        replace(row, propensity=1.0, label_source="verifier", source="feedback")
        for row in outcomes_of_table(more_of_two_kinds)
        if row.model == "large"
    ]
    seconds = [replace(row, model="small", quality=0.0, propensity=0.05, source=SHADOW) for row in rows]
    with_them, without = logged([*rows, *seconds]), logged(rows)
    assert len(with_them) == len(without) and with_them.n_left_out == len(seconds)
    assert with_them.quality.mean() == without.quality.mean()
    with pytest.raises(DataError, match="no logged request"):
        replay(logged(seconds), two_kinds_policy, 0.8)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), "much"])
def test_a_share_outside_its_range_is_refused(share):
    with pytest.raises(UsageError, match="0 is off"):
        Shadow(share)
