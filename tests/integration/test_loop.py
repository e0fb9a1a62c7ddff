"""The loop closes through data: what the graph did comes back as rows of the outcome table."""

from dataclasses import replace

from orchestrator.collecting import drain
from orchestrator.failures import ModelError
from orchestrator.feedback import Spool
from orchestrator.graph import build_graph
from orchestrator.models import Reply, ScriptedModel
from router_training.contract import Evidence, ModelCard
from router_training.outcomes import OutcomeTable

CARDS = {
    "small": ModelCard("small", 1.0, 1.0, roles=("cheap",)),
    "large": ModelCard("large", 10.0, 10.0, roles=("strong",)),
}


def taste(task, attempt, forecast):
    return Evidence("taste", 0.125 if attempt.model == "small" else 0.875, "a matter of taste")


def test_a_request_comes_back_as_the_outcomes_it_made(tmp_path, store):
    models = {name: ScriptedModel(label=name, script=f"{name} answer") for name in CARDS}
    with Spool(tmp_path / "spool") as spool:
        graph = build_graph(catalogue=CARDS, models=models, verifier=(taste,), feedback=spool)
        state = graph.invoke({"input": "What is beautiful?", "task_type": "quick"})
        assert drain(spool, store) == 1
    outcomes = {outcome.model: outcome for outcome in store.feedback_outcomes()}
    assert len(outcomes) == len(state["attempts"])
    for attempt in state["attempts"]:
        outcome = outcomes[attempt["model"]]
        assert outcome.prompt == "What is beautiful?" and outcome.task_type == "quick"
        assert outcome.response == attempt["text"] == f"{attempt['model']} answer"
        assert outcome.quality == attempt["confidence"]
        assert outcome.cost_usd == attempt["usd"] and outcome.latency_s == attempt["latency_s"]
    chosen = outcomes[state["decision"]["model"]]
    assert chosen.propensity == state["decision"]["propensity"]


def test_feedback_rows_are_rows_of_the_outcome_table(tmp_path, store):
    script = {"small": ModelError("down"), "large": Reply("an answer", prompt_tokens=5, completion_tokens=2)}
    models = {name: ScriptedModel(label=name, script=said) for name, said in script.items()}
    with Spool(tmp_path / "spool") as spool:
        graph = build_graph(
            catalogue=CARDS, models=models, verifier=(taste,), feedback=spool, strategy="fallback(cascade)"
        )
        for number in range(3):
            graph.invoke({"input": f"Question {number}", "task_type": "quick"})
        drain(spool, store)
    outcomes = store.feedback_outcomes()
    table = OutcomeTable.from_outcomes(outcomes)
    assert set(table.prompts) == {f"Question {number}" for number in range(3)}
    assert set(table.frame["label_source"]) == {"verifier"}
    table.to_parquet(tmp_path / "feedback.parquet")
    seeds = OutcomeTable.from_outcomes(
        replace(outcome, task_id=f"seed {i}") for i, outcome in enumerate(outcomes)
    )
    assert len(seeds.concat(table)) == len(seeds) + len(table)
