"""A router that no longer beats the best constant steps back by itself, says so, and comes back."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from orchestrator.demotion import PRIOR, Demotion, Seen, measured
from orchestrator.graph import build_graph
from orchestrator.models import Reply, ScriptedModel
from orchestrator.moves import Accept, Ask, GiveUp, Situation
from router_training.contract import Attempt, Evidence, Forecast, Forecasts, ModelCard, Task

CARDS = {"large": ModelCard("large", 10.0, 10.0), "small": ModelCard("small", 1.0, 1.0)}
FORECASTS = (Forecast("large", 0.9, 1.0, 1.0), Forecast("small", 0.5, 0.1, 1.0))


class Policy:
    """Knows that the small model does sums, at a tenth of the price, and nothing else."""

    models = ("large", "small")
    catalogue = CARDS
    usd_scale = 0.001

    def forecast(self, prompts):
        p = np.array([[0.8, 0.85 if "sum" in prompt else 0.1] for prompt in prompts])
        usd = np.tile([0.0005, 0.00005], (len(prompts), 1))
        return Forecasts(self.models, p, usd, np.full_like(p, np.nan), np.zeros(len(prompts)))


def stream(world, demotion, n, start=0, explore=0.05):
    """Answer n requests, sums and poems by turns, through the graph; return who answered and how well."""
    rng = np.random.default_rng(start)
    told, came_to = [], []

    def knows(task, attempt, forecast):
        kind = "sum" if "sum" in task.prompt else "poem"
        right = float(rng.random() < world[attempt.model, kind])
        return Evidence("gold", right, "known")

    def feedback(record):
        told.append(record)
        if demotion is not None:
            demotion(record)

    graph = build_graph(
        Policy(),
        models={name: ScriptedModel(label=name, script=Reply(name, 25, 25)) for name in CARDS},
        strategy="cost_based",
        verifier=(knows,),
        feedback=feedback,
        explore=explore,
        demotion=demotion,
    )
    for i in range(start, start + n):
        prompt = f"{'sum' if i % 2 else 'poem'} {i}"
        state = graph.invoke({"input": prompt}, {"configurable": {"trace_id": f"r{i}"}})
        came_to.append((state["model"], state["confidence"]))
    return told, came_to


WELL = {("large", "sum"): 0.8, ("large", "poem"): 0.8, ("small", "sum"): 0.85, ("small", "poem"): 0.1}
BROKEN = {**WELL, ("small", "sum"): 0.1}


def test_a_router_that_pays_is_left_alone():
    demotion = Demotion("large", Policy.usd_scale)
    stream(WELL, demotion, 400)
    assert not demotion.is_on and demotion.measured.low > 0.0
    assert "the router serves" in demotion.sentence()


def test_when_its_best_model_breaks_the_constant_serves_until_it_is_mended(caplog):
    demotion = Demotion("large", Policy.usd_scale, window=400)
    stream(WELL, demotion, 200)
    with caplog.at_level(logging.WARNING, "orchestrator.demotion"):
        stream(BROKEN, demotion, 400, start=200)
    assert demotion.is_on and demotion.measured.low < 0.0
    assert "large serves instead of the router" in caplog.text
    told, answers = stream(BROKEN, demotion, 100, start=600)
    assert demotion.is_on
    chosen = [model for model, _ in answers]
    assert chosen.count("large") > 80, "but for what is explored"
    assert {round(record.decision.propensity, 6) for record in told} <= {0.9, 0.1}
    start = 700
    while demotion.is_on and start < 4000:
        stream(WELL, demotion, 100, start=start)
        start += 100
    assert not demotion.is_on, "explored answers show that the model is mended"


def test_with_a_cascade_the_constants_answer_is_taken():
    demotion = Demotion("large", 1.0)
    demotion.is_on = True
    at = Situation(Task("hi"), FORECASTS, usd_scale=1.0)
    assert demotion.instead(Ask(("small",), hedge=("large",), after_s=1.0), at) == Ask(("large",))
    answer = Attempt("large", "x", 0.1)
    assert demotion.instead(Ask(("small",)), replace(at, attempts=(answer,))) == Accept(answer)
    assert demotion.instead(GiveUp("no"), at) == GiveUp("no")
    barred = replace(at, barred={"large": "denied"})
    assert demotion.instead(Ask(("small",)), barred) == Ask(("small",)), (
        "limits hold: the constant may not be asked"
    )
    demotion.is_on = False
    assert demotion.instead(Ask(("small",)), at) == Ask(("small",))


def test_what_nobody_verified_and_where_the_constant_is_barred_tells_nothing(request_record):
    demotion = Demotion("large", 1.0, window=10)
    record = request_record(0, attempts=2)
    for odd in (
        replace(record, attempts=(replace(record.attempts[0], evidence=()),)),
        replace(record, attempts=()),
    ):
        demotion(odd)
    assert demotion._residuals == {} and len(demotion._seen) == 2
    demotion(replace(record, decision=replace(record.decision, barred={"large": "denied"})))
    assert len(demotion._seen) == 2


def test_the_benefit_is_what_forecasts_say_until_answers_say_otherwise():
    calm = tuple(Seen("small", 0.1, None, 0.0) for _ in range(100))
    found = measured(calm, {}, "large")
    assert found.value == pytest.approx(0.1) and found.low < 0.1 < found.high
    bad = {"small": [-0.5] * PRIOR}
    assert measured(calm, bad, "large").value == pytest.approx(0.1 - 0.25), (
        "as many answers as the prior: half"
    )
    surer = measured(calm, {}, "large", prior=4 * PRIOR)
    assert surer.value - surer.low == pytest.approx((found.value - found.low) / 2), "four times the evidence"
    constant = tuple(Seen("large", 0.0, "large", -0.5) for _ in range(100))
    found = measured(constant, {"large": [-0.5] * 50}, "large")
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0), (
        "who is asked anyway gains and loses nothing"
    )
