"""Random requests: catalogues, forecasts that may be wrong, models that fail or dawdle, and limits."""

import asyncio
from dataclasses import dataclass, field

import numpy as np
from langchain_core import exceptions as langchain

from orchestrator.feedback import MemorySink
from orchestrator.graph import build_graph
from orchestrator.health import Health
from router_training.contract import Evidence, Forecasts, ModelCard
from tests.faults.virtual_time import Behaviour, VirtualLoop, VirtualModel

NAMES = ("a", "b", "c", "d")
HANGS_S = 1e9
ERRORS = (
    None,
    ConnectionRefusedError("refused"),
    ConnectionResetError("reset by peer"),
    langchain.ModelRateLimitError("slow down"),
    langchain.ModelAPIError("500"),
    langchain.ModelAuthenticationError("401"),
    langchain.ContextOverflowError("too long"),
    langchain.ModelInvalidRequestError("bad"),
    TimeoutError("late"),
    OSError("no route"),
)


@dataclass(frozen=True)
class Scenario:
    """One request and the world that it meets; forecasts have shape (models,)."""

    strategy: str
    cards: tuple[ModelCard, ...]
    p_success: tuple[float, ...]
    usd: tuple[float, ...]
    usd_high: tuple[float, ...]
    latency_s: tuple[float, ...]
    latency_high_s: tuple[float, ...]
    behaviours: dict[str, list[Behaviour]]
    confidences: tuple[float, ...] = (0.5,)
    request: dict = field(default_factory=dict)


class Told:
    """A policy that has been told what to expect."""

    def __init__(self, scenario):
        self.scenario = scenario
        self.models = tuple(card.name for card in scenario.cards)

    def forecast(self, prompts):
        keys = ("p_success", "usd", "latency_s", "usd_high", "latency_high_s")
        rows = {key: np.array([getattr(self.scenario, key)] * len(prompts)) for key in keys}
        return Forecasts(self.models, novelty=np.zeros(len(prompts)), **rows)


@dataclass
class Ran:
    """What came of a scenario."""

    state: dict
    log: list
    records: list


def run(scenario):
    """Run the request through the real graph, in virtual time."""
    log, sink, confidences = [], MemorySink(), list(scenario.confidences)

    def taste(task, attempt, forecast):
        return Evidence(
            "taste", confidences[len(attempt.model + str(attempt.text)) % len(confidences)], "taste"
        )

    async def request(loop):
        models = {
            card.name: VirtualModel(
                label=card.name,
                behaviours=list(scenario.behaviours[card.name]),
                log=log,
                context_tokens=card.context_tokens,
            )
            for card in scenario.cards
        }
        graph = build_graph(
            Told(scenario),
            catalogue={card.name: card for card in scenario.cards},
            models=models,
            strategy=scenario.strategy,
            verifier=(taste,),
            feedback=sink,
            health=Health(loop.time),
        )
        return await graph.ainvoke({"input": "What is 2 + 2?", **scenario.request})

    loop = VirtualLoop()
    try:
        state = loop.run_until_complete(request(loop))
        loop.run_until_complete(asyncio.sleep(0))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
    return Ran(state, log, sink.records)


def random_scenario(rng, strategy):
    """Return a scenario drawn from `rng`: every kind of fault, forecasts right and wrong, limits tight and absent."""
    names = [str(name) for name in rng.permutation(NAMES)[: rng.integers(1, len(NAMES) + 1)]]
    m = len(names)
    cards = tuple(
        ModelCard(
            name,
            float(rng.choice([0.0, 0.5, 5.0])),
            float(rng.choice([0.0, 1.0, 20.0])),
            context_tokens=None if rng.random() < 0.5 else int(rng.integers(300, 9000)),
            max_tokens=None if rng.random() < 0.5 else int(rng.integers(1, 500)),
            timeout_s=float(rng.choice([5.0, 60.0])),
        )
        for name in names
    )
    usd, latency_s = rng.uniform(0, 2e-3, m), rng.uniform(0, 5, m)
    behaviours = {name: [_behaviour(rng) for _ in range(5)] for name in names}
    request = {
        "dial": float(rng.random()),
        "max_usd": None if rng.random() < 0.4 else float(rng.choice([5e-3, 5e-2]) * rng.random()),
        "deadline_s": None if rng.random() < 0.4 else float(rng.choice([12.0, 60.0]) * rng.random()),
        "max_attempts": None if rng.random() < 0.6 else int(rng.integers(0, 4)),
        "min_quality": None if rng.random() < 0.6 else float(rng.random()),
        "allow": None if rng.random() < 0.9 else [name for name in names if rng.random() < 0.7],
        "deny": [name for name in names if rng.random() < 0.1],
        "task_type": str(rng.choice(["quick", "complex", "cheap"])),
    }
    return Scenario(
        strategy,
        cards,
        tuple(rng.random(m)),
        tuple(usd),
        tuple(usd * rng.uniform(1, 3, m)),
        tuple(latency_s),
        tuple(latency_s * rng.uniform(1, 3, m)),
        behaviours,
        tuple(rng.random(3)),
        request,
    )


def _behaviour(rng):
    error = ERRORS[0 if rng.random() < 0.5 else rng.integers(len(ERRORS))]
    latency_s = HANGS_S if rng.random() < 0.1 else float(rng.exponential(2.0))
    text = str(rng.choice(["word", "yes", "no", ""]))
    return Behaviour(latency_s, int(rng.integers(0, 2000)), error, text)


def check(scenario, ran):
    """Assert that the request ended, that it is on record once, and that no started call exceeded a limit."""
    state, request = ran.state, scenario.request
    assert len(ran.records) == 1 and ran.records[0].trace_id == state["trace_id"]
    assert (state["model"] is None) == (state["error"] is not None)
    assert state["error"] is None or ("\n" not in state["error"] and state["error"])
    assert state["result"] == ran.records[0].result
    cards = {card.name: card for card in scenario.cards}
    _check_money(state, request, ran.log, cards)
    _check_time(request, ran.log, cards)
    called = {call.model for call in ran.log}
    assert called <= set(cards if request.get("allow") is None else request["allow"])
    assert not called & set(request.get("deny") or ())
    checks = [one for attempt in state["attempts"] for one in attempt["evidence"] if one.get("model")]
    made = len(state["attempts"]) + len(checks)
    assert request.get("max_attempts") is None or made <= request["max_attempts"]
    assert called <= {attempt["model"] for attempt in state["attempts"]} | {one["model"] for one in checks}


def _check_money(state, request, log, cards):
    charged = sum(cards[call.model].usd(call.prompt_tokens, call.tokens()) for call in log if _may_cost(call))
    if request.get("max_usd") is not None:
        assert charged <= request["max_usd"] * (1 + 1e-9) + 1e-12


def _may_cost(call):
    """Endpoints charge for what they wrote, heard or not, and not for what they refused to begin."""
    error = call.behaviour.error
    return error is None or isinstance(error, ConnectionResetError | TimeoutError)


def _check_time(request, log, cards):
    limit_s = np.inf if request.get("deadline_s") is None else request["deadline_s"]
    for call in log:
        assert call.end_s is not None, "no call is left under way"
        assert call.start_s < limit_s and call.end_s <= limit_s + 1e-6
        assert call.end_s - call.start_s <= cards[call.model].timeout_s + 1e-6
