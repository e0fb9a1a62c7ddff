"""What comparing answers adds, on a table made for it, from training to the picture."""

import json

import numpy as np
import pytest

from orchestrator.graph import build_graph
from orchestrator.models import recorded_models
from orchestrator.verifiers import standard
from router_training.answer_model import fit_on_answers
from router_training.contract import Outcome
from router_training.evaluation import default_dials
from router_training.joint.fitting import fit_joint_model
from router_training.joint.grids import held_out_grid
from router_training.joint.playing import play
from router_training.joint_model import JointModel
from router_training.judging.joint_evaluation import evaluate_joint, render_joint, write_joint
from router_training.learning.selection import Candidate
from router_training.outcomes import OutcomeTable
from router_training.policy import fit_policy

DIAL = 0.97
PRICE = (1.0 - DIAL) / DIAL


def sums(n, seed=0):
    """n sums; "dear" is right on 85%, "one" and "two" on 75% at a twentieth of its price; who errs errs alone."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        a, b = (int(x) for x in rng.integers(10, 999, 2))
        for model, price, p in (("dear", 20.0, 0.85), ("one", 1.0, 0.75), ("two", 1.0, 0.75)):
            right = rng.random() < p
            told = a + b if right else a + b + int(rng.integers(1, 400))
            rows.append(
                Outcome(
                    f"t{i:04}",
                    f"What is {a} plus {b}?",
                    model,
                    float(right),
                    cost_usd=price * 30 / 1e6,
                    latency_s=price / 10.0,
                    prompt_tokens=12,
                    completion_tokens=9,
                    response=f"The sum is {told}.",
                )
            )
    return OutcomeTable.from_outcomes(rows)


@pytest.fixture(scope="module")
def router(minilm, tmp_path_factory):
    """Policy, answer model, joint model, and the table that they have not seen."""
    cache = tmp_path_factory.mktemp("vectors")
    train, test = sums(300), sums(150, seed=1)
    policy = fit_policy(train, encoder=minilm, candidates=[Candidate("constant")], cache_dir=cache)
    answer_model, p_alone = fit_on_answers(train, policy, cache_dir=cache)
    joint = fit_joint_model(train, policy, p_alone, cache_dir=cache)
    return policy, answer_model, joint, test


def test_answers_that_agree_reach_more_than_the_best_model_at_a_fraction_of_its_cost(router, tmp_path):
    policy, answer_model, joint, test = router
    found = evaluate_joint(test, policy, answer_model, joint, default_dials(), n_boot=200)
    assert found.best.name == "dear" and found.added_lift.low > 0.0
    assert found.cost_at_best.value < 0.7 and found.prompt_cost_at_best.value == 1.0
    assert "Looking at answers adds" in found.verdict() and "'s quality costs" in found.verdict()
    write_joint(found, tmp_path)
    assert json.loads((tmp_path / "joint.json").read_text())["n_tasks"] == 150
    assert (tmp_path / "joint.png").read_bytes().startswith(b"\x89PNG")
    assert render_joint(found).row_count == len(found.curve)


def test_the_graph_makes_the_moves_that_were_judged(router):
    policy, answer_model, joint, test = router
    grid, part = held_out_grid(test, policy, answer_model, joint)
    played = play(joint, grid, PRICE)
    graph = build_graph(
        policy,
        strategy="joint",
        models=recorded_models(part),
        verifier=standard(answer_model)[2:],
        joint=joint,
        dial=DIAL,
    )
    asked = set()
    for i in range(40):
        state = graph.invoke({"input": part.prompts[i]})
        models = [attempt["model"] for attempt in state["attempts"]]
        assert models == [policy.models[j] for j in played.asked[i] if j >= 0]
        assert state["model"] == policy.models[played.accepted[i]]
        assert state["confidence"] == pytest.approx(played.confidence[i], abs=1e-6)
        asked.add(len(models))
    assert max(asked) > 1


def test_a_joint_model_knows_the_models_of_its_policy(router):
    policy, _, joint, _ = router
    assert isinstance(joint, JointModel) and joint.models == policy.models
    assert joint.metadata["best"]["model"] == "dear" and joint.metadata["matching_dial"] is not None
