"""The graph: requests in, answers out, in all four faces, with any checkpointer, whatever fails."""

import asyncio
import json
import sqlite3

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from orchestrator.failures import ModelError
from orchestrator.graph import RESERVED, build_graph, node_names
from orchestrator.models import Reply, ScriptedModel, recorded_models
from orchestrator.strategies import available
from router_training.catalogue import price_digest
from router_training.contract import Evidence, Forecasts, ModelCard, Outcome, RequestRecord, UsageError
from router_training.learning.operating import OperatingPoint
from router_training.outcomes import OutcomeTable

CARDS = {
    "small": ModelCard("small", 0.1, 0.1),
    "middle": ModelCard("middle", 1.0, 1.0),
    "large": ModelCard("large", 10.0, 10.0),
}
CLASSIC = {"task_type": "complex", "input": "Design a distributed caching system"}


class Expect:
    """A policy that expects the same of every prompt."""

    def __init__(
        self, p_success=(0.6, 0.75, 0.9), usd=(0.1, 0.2, 1.0), latency_s=(1.0, 1.0, 1.0), models=None
    ):
        self.models = tuple(models or CARDS)
        self.rows = [np.array([row], dtype=float) for row in (p_success, usd, latency_s)]
        self.metadata = {"data_digest": "d", "price_digest": "p"}

    def forecast(self, prompts):
        p, usd, latency_s = (np.repeat(row, len(prompts), axis=0) for row in self.rows)
        return Forecasts(self.models, p, usd, latency_s, np.zeros(len(prompts)))


def says(texts):
    """Scripted models by name; None is a failure."""
    return {
        name: ScriptedModel(label=name, script=ModelError("scripted failure") if text is None else text)
        for name, text in texts.items()
    }


def doubts(*names):
    """A verifier that finds the answers of these models poor and others good."""
    return (
        lambda task, attempt, forecast: Evidence("taste", 0.1 if attempt.model in names else 0.9, "taste"),
    )


def graph(texts=None, **options):
    texts = texts or {name: f"{name} answer" for name in CARDS}
    policy = options.pop("policy", Expect())
    return build_graph(policy, catalogue=CARDS, models=says(texts), **options)


@pytest.mark.parametrize(
    ("task_type", "model"), [("quick", "fast"), ("complex", "strong"), ("cheap", "cheap"), (None, "cheap")]
)
def test_the_classic_call_goes_where_the_task_type_points(task_type, model):
    roles = build_graph(models=says({name: f"[{name}] answer" for name in ("fast", "strong", "cheap")}))
    state = roles.invoke({**CLASSIC, "task_type": task_type})
    assert (state["model"], state["result"]) == (model, f"[{model}] answer")
    assert 0.7 <= state["confidence"] <= 1.0
    assert state["path"] == ["router", model, "verifier"]


def test_roles_in_the_catalogue_name_the_model_for_a_task_type():
    cards = {
        "tiny:1b": ModelCard("tiny:1b", 1.0, 1.0, roles=("fast", "cheap")),
        "big": ModelCard("big", 9.0, 9.0, roles=("strong",)),
    }
    roles = build_graph(catalogue=cards, models=says({"tiny:1b": "4", "big": "four"}))
    assert roles.invoke({**CLASSIC, "task_type": "quick"})["model"] == "tiny:1b"
    assert roles.invoke(CLASSIC)["model"] == "big"


def key(state):
    return state["result"], state["model"], state["path"], state["usd"]


async def test_all_four_faces_give_the_same_answer():
    one = graph(verifier=doubts("small"))
    asked = one.invoke(CLASSIC)
    assert key(await one.ainvoke(CLASSIC)) == key(asked)
    assert key(list(one.stream(CLASSIC, stream_mode="values"))[-1]) == key(asked)
    assert key([state async for state in one.astream(CLASSIC, stream_mode="values")][-1]) == key(asked)
    assert [next(iter(step)) for step in one.stream(CLASSIC, stream_mode="updates")] == asked["path"]


def test_a_cascade_climbs_until_the_verifier_is_content():
    state = graph(verifier=doubts("middle")).invoke(CLASSIC)
    assert state["path"] == [
        "router",
        "middle",
        "verifier",
        "large",
        "verifier",
    ]
    assert [attempt["confidence"] for attempt in state["attempts"]] == [0.1, 0.9]
    assert state["result"] == "large answer" and state["decision"]["model"] == "middle"
    assert "75% for $0.2 in 1 s" in state["decision"]["reason"] and "dial 0.8" in state["decision"]["reason"]


def test_usd_is_the_price_of_the_tokens_of_every_attempt():
    texts = {"small": Reply("a", 100, 10), "middle": Reply("b", 100, 20), "large": Reply("c", 100, 30)}
    state = graph(texts, verifier=doubts("middle")).invoke(CLASSIC)
    assert state["usd"] == pytest.approx((120 * 1.0 + 130 * 10.0) / 1e6, rel=1e-12)
    assert [attempt["prompt_tokens"] for attempt in state["attempts"]] == [100, 100]


@pytest.mark.parametrize(("price", "usd"), [(0.1, (20 + 80 * 0.1 + 10 * 2) / 1e6), (None, 120 / 1e6)])
def test_tokens_from_the_prompt_cache_cost_what_the_card_says(price, usd):
    details = {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110}
    reply = AIMessage("a", usage_metadata={**details, "input_token_details": {"cache_read": 80}})
    cards = {"small": ModelCard("small", 1.0, 2.0, usd_per_mtok_in_cached=price)}
    model = GenericFakeChatModel(messages=iter([reply]))
    state = build_graph(catalogue=cards, models={"small": model}).invoke(CLASSIC)
    assert state["usd"] == pytest.approx(usd, rel=1e-12)


def test_a_failed_model_is_recorded_and_the_fallback_node_asks_another():
    state = graph({"small": "s", "middle": None, "large": "l"}).invoke(CLASSIC)
    assert state["path"][:4] == ["router", "middle", "verifier", "fallback"]
    assert (state["model"], state["result"], state["error"]) == ("large", "l", None)
    assert state["attempts"][0]["error"] == "scripted failure" and state["attempts"][0]["confidence"] is None


async def test_when_every_model_fails_the_answer_says_so_and_names_them():
    broken = graph(dict.fromkeys(CARDS))
    for state in (broken.invoke(CLASSIC), await broken.ainvoke(CLASSIC)):
        assert state["model"] is None and state["confidence"] == 0.0
        assert all(f"{name} failed: scripted failure" in state["result"] for name in CARDS)


def test_an_answer_in_hand_is_returned_when_nothing_better_can_be_had():
    state = graph({"small": "s", "middle": "m", "large": None}, verifier=doubts("middle", "small")).invoke(
        CLASSIC
    )
    assert state["result"] == "m" and state["confidence"] == 0.1


def test_limits_come_with_the_request_and_no_call_is_made_that_breaks_them():
    dear = graph().invoke({**CLASSIC, "dial": 1.0})
    cheap = graph().invoke({**CLASSIC, "dial": 1.0, "max_usd": 0.15})
    none = graph().invoke({**CLASSIC, "deadline_s": 0.5})
    assert (dear["model"], cheap["model"], none["model"]) == ("large", "small", None)
    assert none["attempts"] == [] and "fits the budget and the deadline" in none["result"]


@pytest.mark.parametrize(
    ("request_", "rule"),
    [
        ({"input": "  "}, "asks nothing"),
        ({"task_type": "quick"}, "asks nothing"),
        ({"messages": [AIMessage("")]}, "asks nothing"),
        ({"input": "hi", "dial": 3}, r"dial is 3; it must lie in \[0, 1\]"),
        ({"input": "hi", "max_usd": -1}, "max_usd is -1"),
    ],
)
def test_a_bad_request_is_refused_with_the_rule(request_, rule):
    with pytest.raises(UsageError, match=rule):
        graph().invoke(request_)


def test_a_graph_without_models_or_with_a_bad_dial_is_refused():
    with pytest.raises(UsageError, match="no model to ask"):
        build_graph()
    with pytest.raises(UsageError, match="dial is 2"):
        graph(dial=2)
    with pytest.raises(UsageError, match="unknown strategy 'magic'"):
        graph(strategy="magic")


def test_messages_go_to_the_model_as_they_are_and_the_answer_is_appended():
    seen = []
    model = ScriptedModel(label="small", script=lambda prompt: seen.append(prompt) or "Paris")
    one = build_graph(models={"small": model})
    state = one.invoke({"messages": [SystemMessage("Be brief."), HumanMessage("Capital of France?")]})
    assert seen == ["Capital of France?"] and state["result"] == "Paris"
    assert [message.type for message in state["messages"]] == ["system", "human", "ai"]


def test_the_system_prompt_of_the_card_is_sent_first():
    class Echo(ScriptedModel):
        def _generate(self, messages, *args, **kwargs):
            return super()._generate(
                [HumanMessage(" | ".join(str(m.text) for m in messages))], *args, **kwargs
            )

    cards = {"small": ModelCard("small", 1.0, 1.0, system_prompt="Think first.")}
    one = build_graph(catalogue=cards, models={"small": Echo(label="small", script=lambda prompt: prompt)})
    assert one.invoke({"input": "2 + 2?"})["result"] == "Think first. | 2 + 2?"


def test_several_models_are_asked_at_once_and_kept_in_the_order_asked():
    from orchestrator.moves import Accept, Ask

    def both(situation):
        return Accept(situation.attempts[1]) if situation.attempts else Ask(("large", "small"))

    state = graph(strategy=both).invoke(CLASSIC)
    assert state["path"] == ["router", "large", "small", "verifier"]
    assert [attempt["model"] for attempt in state["attempts"]] == ["large", "small"]
    assert state["model"] == "small"


AWKWARD = [
    "llama3:8b",
    "llama3_8b",
    "a|b",
    "router",
    "finish",
    "input",
    "messages",
    "fallback",
    "drafts",
    "é ü",
]


def test_node_names_are_legal_and_never_collide():
    names = node_names(AWKWARD)
    assert len(set(names.values())) == len(AWKWARD) and not set(names.values()) & RESERVED
    assert not any(character in name for name in names.values() for character in ":|")


def test_a_model_may_be_called_like_a_node_or_a_key():
    for name in AWKWARD:
        others = says({other: f"answer of {other}" for other in AWKWARD})
        one = build_graph(Expect([0.9], [0.0], [0.0], [name]), models=others)
        assert one.invoke({"input": "hi"})["result"] == f"answer of {name}"


def test_prices_are_on_record_without_a_policy_too():
    kept = []
    build_graph(catalogue=CARDS, models=says(dict.fromkeys(CARDS, "hi")), feedback=kept.append).invoke(
        CLASSIC
    )
    assert (kept[0].price_digest, kept[0].data_digest) == (price_digest(CARDS), None)


def test_feedback_receives_the_request_and_its_failure_costs_no_answer(caplog):
    kept = []
    state = graph(feedback=kept.append, strategy="fallback(cascade)").invoke(CLASSIC)
    (record,) = kept
    assert isinstance(record, RequestRecord) and record.strategy == "fallback(cascade)"
    assert record.trace_id == state["trace_id"] and record.decision.propensity == 1.0
    assert (record.prompt, record.task_type, record.result) == (CLASSIC["input"], "complex", state["result"])
    assert (record.data_digest, record.price_digest) == ("d", "p")
    assert record.attempts[0].evidence and record.time.endswith("+00:00")

    def broken(record):
        raise RuntimeError("disk full")

    assert graph(feedback=broken).invoke(CLASSIC)["result"] == state["result"]
    assert "disk full" in caplog.text and "the answer is not affected" in caplog.text


def test_a_checkpointed_thread_starts_every_request_afresh(tmp_path):
    with SqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver:
        one = graph(checkpointer=saver, verifier=doubts("middle"))
        config = {"configurable": {"thread_id": "1"}}
        first = one.invoke(CLASSIC, config)
        second = one.invoke({"input": "And now?"}, config)
        kept = one.get_state(config).values
    assert len(first["attempts"]) == len(second["attempts"]) == 2 and kept["drafts"] == []
    assert first["path"] == second["path"] and first["trace_id"] != second["trace_id"]
    assert second["input"] == "And now?"


async def test_state_survives_every_checkpointer_as_plain_data(tmp_path):
    async with AsyncSqliteSaver.from_conn_string(str(tmp_path / "threads.db")) as saver:
        for checkpointer in (InMemorySaver(), saver):
            one = graph(checkpointer=checkpointer)
            config = {"configurable": {"thread_id": "1"}}
            answer = await one.ainvoke(CLASSIC, config)
            kept = (await one.aget_state(config)).values
            assert json.loads(json.dumps(kept)) == kept
            assert kept["attempts"] == answer["attempts"] and kept["decision"] == answer["decision"]


def test_an_interrupted_request_goes_on_where_it_stopped(tmp_path):
    config = {"configurable": {"thread_id": "1"}}
    connection = sqlite3.connect(tmp_path / "threads.db", check_same_thread=False)
    one = graph(checkpointer=SqliteSaver(connection))
    one.invoke(CLASSIC, config, interrupt_before=["verifier"])
    later = graph(checkpointer=SqliteSaver(connection), verifier=doubts()).invoke(None, config)
    connection.close()
    assert later["result"] == "middle answer" and len(later["attempts"]) == 1


def test_a_conversation_grows_in_a_thread_and_input_may_follow_messages():
    one = graph(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    one.invoke({"messages": [HumanMessage("One?")]}, config)
    grown = one.invoke({"messages": [HumanMessage("Two?")]}, config)
    assert [str(m.text) for m in grown["messages"]] == ["One?", "middle answer", "Two?", "middle answer"]
    seen = []
    one = graph(checkpointer=one.checkpointer, feedback=seen.append)
    one.invoke({"input": "Three?"}, config)
    one.invoke({"messages": [HumanMessage("Four?")]}, config)
    assert [record.prompt for record in seen] == ["Three?", "One?\nTwo?\nFour?"]


async def test_a_slow_policy_does_not_block_the_event_loop():
    import time

    class Slow(Expect):
        def forecast(self, prompts):
            time.sleep(0.2)
            return super().forecast(prompts)

    ticks = []

    async def tick():
        while True:
            ticks.append(1)
            await asyncio.sleep(0.01)

    ticking = asyncio.create_task(tick())
    await graph(policy=Slow()).ainvoke(CLASSIC)
    ticking.cancel()
    assert len(ticks) >= 5


def test_a_model_outside_the_catalogue_is_never_asked():
    wider = Expect((0.6, 0.99), (0.1, 0.1), (1.0, 1.0), ("small", "secret"))
    assert (
        build_graph(wider, catalogue=CARDS, models=says({"small": "s"})).invoke(CLASSIC)["model"] == "small"
    )


def test_the_callers_prices_are_the_policys_prices_too():
    class Priced(Expect):
        catalogue = CARDS

        def with_catalogue(self, catalogue):
            return Expect(usd=[catalogue[name].usd_per_mtok_in for name in self.models])

    models = says({name: f"{name} answer" for name in CARDS})
    assert build_graph(Priced(), models=models).invoke(CLASSIC)["model"] == "middle"
    dear = {**CARDS, "middle": ModelCard("middle", 99.0, 99.0), "unknown": ModelCard("unknown", 0.0, 0.0)}
    assert build_graph(Priced(), catalogue=dear, models=models).invoke(CLASSIC)["model"] == "large"


def test_the_schemas_of_request_and_answer_can_be_made():
    one = graph()
    request, answer = one.get_input_jsonschema(), one.get_output_jsonschema()
    assert {"input", "messages", "deny"} <= request["properties"].keys()
    assert {"result", "confidence", "attempts"} <= answer["properties"].keys()
    assert one.get_input_schema().model_validate({"input": "hi", "max_usd": 1})


def test_the_picture_shows_the_router_the_models_and_the_verifier():
    picture = graph().get_graph().draw_mermaid()
    for edge in (
        "router -.-> small",
        "small --> verifier",
        "verifier -.-> small",
        "verifier -.-> fallback",
        "verifier -.-> __end__",
    ):
        assert edge in picture


@pytest.mark.parametrize("name", [*available(), "fallback(cascade(cost_based))"])
@settings(max_examples=15, deadline=None)
@given(broken=st.sets(st.sampled_from(sorted(CARDS))), poor=st.sets(st.sampled_from(sorted(CARDS))))
def test_every_strategy_answers_whenever_any_model_can(name, broken, poor):
    texts = {model: None if model in broken else f"{model} answer" for model in CARDS}
    state = graph(texts, strategy=name, verifier=doubts(*poor)).invoke(CLASSIC)
    asked = [attempt["model"] for attempt in state["attempts"]]
    assert len(set(asked)) == len(asked)
    assert (state["model"] is None) == (broken == set(CARDS)) == (state["error"] is not None)


def test_recorded_answers_are_labelled_and_keep_the_latency_they_had():
    rows = [
        Outcome(
            "t", "2 + 2?", "small", 0.0, response="5", prompt_tokens=5, completion_tokens=1, latency_s=3.0
        ),
        Outcome(
            "t", "2 + 2?", "large", 1.0, response="4", prompt_tokens=5, completion_tokens=1, latency_s=7.0
        ),
    ]
    models = recorded_models(OutcomeTable.from_outcomes(rows))
    policy = Expect((0.8, 0.9), (0.1, 1.0), (3.0, 7.0), ("small", "large"))
    one = build_graph(policy, catalogue=CARDS, models=models, verifier=doubts("small"))
    state = one.invoke({"input": "2 + 2?"})
    assert [(a["model"], a["recorded"], a["latency_s"]) for a in state["attempts"]] == [
        ("small", True, 3.0),
        ("large", True, 7.0),
    ]
    assert state["result"] == "4" and 10.0 <= state["latency_s"] < 11.0
    assert one.invoke({"input": "2 + 2?", "deadline_s": 8.0})["result"] == "5", "the second would be late"
    unknown = one.invoke({"input": "3 + 3?"})
    assert unknown["model"] is None and "small is a recording and holds no answer" in unknown["result"]


@pytest.mark.parametrize(
    ("card", "variable"),
    [
        (ModelCard("small", 1, 1), "OPENAI_API_KEY"),
        (ModelCard("small", 1, 1, api_key_env="SOME_KEY"), "SOME_KEY"),
        (ModelCard("small", 1, 1, provider="anthropic"), "ANTHROPIC_API_KEY"),
    ],
)
def test_an_endpoint_that_repeats_the_key_does_not_get_it_into_the_record(monkeypatch, card, variable):
    monkeypatch.setenv(variable, "sk-never-show-this")
    echo = ScriptedModel(label="small", script=ConnectionError("x" * 470 + " bad key sk-never-show-this"))
    kept = []
    state = build_graph(catalogue={"small": card}, models={"small": echo}, feedback=kept.append).invoke(
        CLASSIC
    )
    assert "bad key" in state["error"] and "sk-" not in str(state) + str(kept)


def test_a_failed_connection_names_the_endpoint_without_its_password():
    card = ModelCard("small", 1, 1, base_url="http://me:secret@127.0.0.1:9/v1")
    down = ScriptedModel(label="small", script=ConnectionResetError("Connection error."))
    state = build_graph(catalogue={"small": card}, models={"small": down}).invoke({**CLASSIC, "max_usd": 1.0})
    assert state["result"] == (
        "No model could answer: small failed: ConnectionResetError: Connection error, at 127.0.0.1:9/v1."
    )


def test_an_unknown_latency_is_no_reason_to_refuse_and_is_not_printed():
    unknown = graph(policy=Expect(latency_s=(float("nan"),) * 3))
    state = unknown.invoke({**CLASSIC, "deadline_s": 5.0})
    assert state["model"] == "middle" and "nan" not in state["decision"]["reason"]


def test_only_models_that_the_request_allows_are_asked_and_the_others_are_on_record():
    state = graph().invoke({**CLASSIC, "dial": 1.0, "deny": ["large"]})
    assert state["model"] == "middle" and state["decision"]["barred"] == {"large": "denied by the request"}
    assert graph().invoke({**CLASSIC, "dial": 1.0, "allow": ["small"]})["model"] == "small"
    nobody = graph().invoke({**CLASSIC, "allow": []})
    assert nobody["model"] is None and nobody["attempts"] == []
    assert "small is left out: not among those that the request allows" in nobody["result"]
    with pytest.raises(
        UsageError, match="'huge', which is no model here; the models are small, middle, large"
    ):
        graph().invoke({**CLASSIC, "deny": ["huge"]})


def test_no_more_models_are_asked_than_the_request_allows_attempts():
    one = graph({"small": "s", "middle": None, "large": "l"}).invoke({**CLASSIC, "max_attempts": 1})
    assert len(one["attempts"]) == 1 and one["model"] is None
    assert "middle failed: scripted failure" in one["error"] and "max_attempts 1 is used up" in one["error"]


def test_min_quality_keeps_out_models_below_its_share_of_the_best_and_an_exception_is_said():
    wanted = {**CLASSIC, "dial": 0.0, "min_quality": 0.8}
    assert graph().invoke({**wanted, "min_quality": 0.5})["model"] == "small"
    assert graph().invoke(wanted)["model"] == "middle", "0.75 is more than 0.8 of 0.9"
    poor = graph().invoke({**wanted, "max_usd": 0.15})
    assert poor["model"] == "small"
    assert poor["note"].startswith(
        "min_quality 0.8 was not reached: small is forecast to succeed with 60%, 72%"
    )
    assert graph().invoke(wanted)["note"] is None


def test_a_prompt_too_long_for_a_model_never_reaches_it():
    cards = {**CARDS, "middle": ModelCard("middle", 1.0, 1.0, context_tokens=300)}
    one = build_graph(Expect(), catalogue=cards, models=says({name: name for name in CARDS}))
    long = one.invoke({"input": "word " * 500})
    assert long["model"] == "large" and "takes 300 tokens" in long["decision"]["barred"]["middle"]
    turns = [HumanMessage("word " * 500), AIMessage("ok"), HumanMessage("And now?")]
    assert one.invoke({"messages": turns})["model"] == "large", "the whole conversation has to fit"


def test_min_quality_is_the_dial_that_reaches_it_where_the_policy_knows_one():
    class Measured(Expect):
        def operating_point(self, *, min_quality):
            if min_quality > 0.9:
                raise UsageError("out of reach")
            return OperatingPoint(dial=0.0)

    wanted = {**CLASSIC, "min_quality": 0.9}
    known = graph(policy=Measured()).invoke(wanted)
    assert (known["decision"]["dial"], known["model"], known["note"]) == (0.0, "small", None)
    assert graph(policy=Measured()).invoke({**wanted, "dial": 1.0})["model"] == "large"
    assert graph(policy=Measured()).invoke({**wanted, "min_quality": 0.99})["model"] == "large"
    for some in (
        {"deny": ["middle"]},
        {"allow": list(CARDS)},
    ):  # that dial was measured over a free choice of all
        state = graph(policy=Measured()).invoke({**wanted, **some})
        assert (state["decision"]["dial"], state["model"]) == (0.8, "large")


class Compared:
    """A joint model: sure of answers that two models share, doubtful of others; it asks small, middle, then large."""

    models = tuple(CARDS)

    def confidence(self, prompt, forecasts, attempts):
        texts = [attempt.text for attempt in attempts]
        return tuple(0.95 if texts.count(text) > 1 else 0.4 for text in texts)

    def following(self, prompt, forecasts, attempts, usable, *, price, usd_scale, together):
        sure = any(attempt.confidence == 0.95 for attempt in attempts)
        return () if sure or price > 1.0 else tuple(usable)[:1]


async def test_an_answer_that_another_model_confirms_gains_confidence_in_the_graph():
    texts = {"small": "4", "middle": "5", "large": "4"}
    one = graph(texts, strategy="fallback(joint)", joint=Compared())
    state = one.invoke({"input": "2 + 2?"})
    assert (state["result"], state["confidence"]) == ("4", 0.95)
    assert [attempt["confidence"] for attempt in state["attempts"]] == [0.95, 0.4, 0.95]
    assert [attempt["evidence"][-1]["kind"] for attempt in state["attempts"]] == ["agreement"] * 3
    assert key(await one.ainvoke({"input": "2 + 2?"})) == key(state)
    cheap = one.invoke({"input": "2 + 2?", "dial": 0.3})
    assert len(cheap["attempts"]) == 1 and cheap["confidence"] == 0.4


def test_every_strategy_uses_the_joint_confidence():
    texts = {"small": "4", "middle": "4", "large": "5"}
    state = graph(texts, strategy="ensemble", joint=Compared()).invoke({"input": "2 + 2?"})
    assert state["confidence"] == 0.95 and state["result"] == "4"
