"""Forecasts made together are those made alone, and one turn of the worker serves all that wait."""

import asyncio
import threading

import numpy as np
import pytest

from orchestrator.batching import MOST_AT_ONCE, Batcher
from orchestrator.graph import build_graph
from orchestrator.models import ScriptedModel
from router_training.contract import Forecasts, Task


class Counting:
    """Forecasts the length of the prompt; `gate` holds the first batch back."""

    models = ("a", "b")

    def __init__(self):
        self.batches, self.gate = [], threading.Event()

    def forecast(self, prompts):
        self.gate.wait(10)
        self.batches.append(list(prompts))
        if "broken" in prompts:
            raise RuntimeError("no forecast")
        usd = np.array([[len(prompt), 2.0] for prompt in prompts])
        zeros = np.zeros((len(prompts), 2))
        return Forecasts(self.models, zeros, usd, zeros, np.zeros(len(prompts)))


async def together(batcher, prompts):
    waiting = [asyncio.ensure_future(batcher.later(Task(prompt))) for prompt in prompts]
    await asyncio.sleep(0)
    return waiting


async def test_what_arrives_while_the_worker_is_busy_is_forecast_at_once_and_each_gets_its_own():
    policy = Counting()
    batcher = Batcher(policy, policy.models)
    waiting = await together(batcher, [str(10**i) for i in range(MOST_AT_ONCE + 10)])
    policy.gate.set()
    rows = await asyncio.gather(*waiting)
    assert [row[0].usd for row in rows] == [i + 1 for i in range(MOST_AT_ONCE + 10)]
    assert len(policy.batches) <= 4 and max(map(len, policy.batches)) <= MOST_AT_ONCE
    assert rows[3] == batcher(Task("1000"))


async def test_a_caller_who_has_gone_is_not_forecast_for():
    policy = Counting()
    batcher = Batcher(policy, policy.models)
    first, second, third = await together(batcher, ["first", "second", "third"])
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    policy.gate.set()
    await asyncio.gather(first, third)
    assert all("second" not in batch for batch in policy.batches[1:])


async def test_an_error_reaches_all_who_wait_and_the_worker_goes_on():
    policy = Counting()
    policy.gate.set()
    batcher = Batcher(policy, policy.models)
    with pytest.raises(RuntimeError, match="no forecast"):
        await batcher.later(Task("broken"))
    assert (await batcher.later(Task("fine")))[0].usd == 4


async def test_models_that_cannot_be_asked_are_left_out():
    policy = Counting()
    policy.gate.set()
    assert [one.model for one in await Batcher(policy, {"b"}).later(Task("x"))] == ["b"]


async def test_the_caller_may_name_the_request_and_give_options_that_reach_the_model():
    seen = {}

    class Curious(ScriptedModel):
        async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
            seen.update(kwargs)
            return await super()._agenerate(messages, stop, run_manager)

    graph = build_graph(models={"a": Curious(label="a", script="yes")})
    answer = await graph.ainvoke(
        {"input": "hi", "options": {"seed": 7}}, {"configurable": {"trace_id": "request-1"}}
    )
    assert answer["trace_id"] == "request-1" and seen["seed"] == 7
