"""Predicting what kind of task a prompt is, and what each model is worth on each kind."""

from dataclasses import replace

import numpy as np
import pytest

from router_training.contract import ModelCard, Outcome
from router_training.learning.task_types import TaskTypes, fit_task_types
from router_training.outcomes import OutcomeTable
from router_training.policy import load_policy

CARDS = {"large": ModelCard("large", 10.0, 10.0), "small": ModelCard("small", 1.0, 1.0)}


def typed(n=60, seed=0):
    """A table of n tasks of two types and the inputs (n, 2) that tell them apart; "small" does only sums."""
    rng = np.random.default_rng(seed)
    rows, inputs = [], np.zeros((n, 2), dtype=np.float32)
    for i in range(n):
        kind = ("poem", "sum")[i % 2]
        inputs[i] = (i % 2 + rng.normal(0, 0.1), rng.normal())
        for model in CARDS:
            quality = float(model == "large" or kind == "sum")
            rows.append(Outcome(f"t{i:03}", f"{kind} {i}", model, quality, task_type=kind))
    return OutcomeTable.from_outcomes(rows), inputs


def fit(table, inputs):
    tokens = (np.full((len(table), 2), 10.0),) * 2
    return fit_task_types(table, ("large", "small"), inputs, tokens, np.arange(len(table)) % 5)


def test_types_are_predicted_and_the_accuracy_is_out_of_fold():
    table, inputs = typed()
    learned, figures = fit(table, inputs)
    assert learned.names == ("poem", "sum") and figures["accuracy"] > 0.95 and figures["named"] > 0.9
    told = learned.predict(np.array([[0.0, 0.0], [1.0, 0.0]], dtype=np.float32))
    assert told == ("poem", "sum")
    assert learned.probabilities(inputs).sum(axis=1) == pytest.approx(1.0)


def test_a_type_that_nothing_tells_is_named_for_no_task():
    table, inputs = typed()
    noise = np.zeros_like(inputs)
    learned, figures = fit(table, noise)
    assert figures["accuracy"] is None or figures["accuracy"] < 0.8
    three = replace(learned, names=("a", "b", "c"), weights=np.zeros((3, 2)), intercept=np.zeros(3))
    assert three.predict(noise) == (None,) * len(noise)


def test_without_two_types_of_some_size_nothing_is_learned():
    table, inputs = typed(8)
    assert fit(table, inputs) == (None, {})


def test_means_per_type_are_drawn_toward_the_mean_of_all_models():
    learned, _ = fit(*typed())
    poem, total = learned.quality
    assert poem[0] > 0.9 > 0.2 > poem[1] > 0.0 and total == pytest.approx(1.0)


def test_what_was_learned_comes_back_from_its_arrays():
    table, inputs = typed()
    learned, _ = fit(table, inputs)
    again = TaskTypes.from_arrays(learned.to_arrays())
    assert again.predict(inputs) == learned.predict(inputs) and again.names == learned.names


def test_a_saved_policy_predicts_types_and_names_the_best_model_of_each(
    two_kinds, minilm, vector_folder, tmp_path
):
    from router_training.learning.selection import Candidate
    from router_training.policy import fit_policy

    frame = two_kinds.frame.assign(
        task_type=["sum" if "plus" in p else "poem" for p in two_kinds.frame["prompt"]]
    )
    table = OutcomeTable.from_frame(frame)
    candidates = [Candidate("logistic", {"C": 1.0})]
    fit_policy(table, encoder=minilm, candidates=candidates, cache_dir=vector_folder).save(tmp_path)
    policy = load_policy(tmp_path)
    forecasts = policy.forecast(["What is 12 plus 30?", "Write a poem about the moon in 40 words."])
    assert forecasts.task_types == ("sum", "poem") and forecasts.row(0)[0].task_type == "sum"
    assert policy.metadata["task_types"]["accuracy"] == 1.0
    assert policy.best_of_type("sum", 0.5) == "small" and policy.best_of_type("poem", 0.9) == "large"
    assert policy.best_of_type("poem", 0.0) == "small" and policy.best_of_type("novel", 0.5) is None
    assert policy.best_of_type(None, 0.5) is None
