from dataclasses import replace

import numpy as np
import pytest

from router_training.answer_model import fit_answer_model, load_answer_model
from router_training.contract import DataError, UsageError
from router_training.outcomes import OutcomeTable

PROMPT = "What is 441 plus 38?"
GOOD, BAD = "It is 479.", "It is, let me think, a matter of the"


@pytest.fixture(scope="module")
def model(two_kinds, two_kinds_policy, vector_folder):
    return fit_answer_model(two_kinds, two_kinds_policy, cache_dir=vector_folder)


def test_a_sound_answer_is_trusted_more_than_one_that_breaks_off(model):
    good, bad = model.confidence([PROMPT] * 2, [GOOD, BAD], [0.7, 0.7], ["small"] * 2, [8, 8])
    assert good > 0.9 and bad < 0.1


def test_an_empty_answer_is_never_right(model):
    assert model.confidence([PROMPT] * 2, ["", " \n"], [0.99] * 2, ["large"] * 2).tolist() == [0.0, 0.0]


def test_nothing_is_surer_than_the_number_of_answers_seen_allows(model):
    steep = replace(model, intercept=1e3)
    vague = replace(steep, metadata={**model.metadata, "n_answers": 90})
    sure = [one.confidence(["What is 2 + 2?"], ["4"], [0.9], ["small"])[0] for one in (steep, vague)]
    assert sure[1] == pytest.approx(91 / 92) and sure[0] == pytest.approx(1.0, abs=0.01)
    never = replace(vague, intercept=-1e3).confidence(["What is 2 + 2?"], ["4"], [0.9], ["small"])[0]
    assert never == pytest.approx(1 / 92)


def test_no_answers_have_no_confidence(model):
    assert model.confidence([], [], [], []).shape == (0,)


def test_confidence_is_a_probability_even_of_strange_answers_and_unknown_models(model):
    answers = ["x" * 100_000, "\ud800", '{"a": ' * 5000, "```python\n(" * 300, "日本"]
    p = model.confidence(
        ["日本?"] * 5, answers, [0.0, 1.0, 0.5, 0.5, 0.5], ["large", "small", "new", "new", "new"]
    )
    assert ((p >= 0) & (p <= 1)).all() and np.isfinite(p).all()


def test_a_batch_is_judged_as_its_answers_alone(model):
    answers, tokens = [GOOD, BAD, "479"], [8, None, 3]
    batch = model.confidence([PROMPT] * 3, answers, [0.2, 0.5, 0.9], ["large", "small", "small"], tokens)
    for i, (p, name) in enumerate(((0.2, "large"), (0.5, "small"), (0.9, "small"))):
        assert np.isclose(model.confidence([PROMPT], [answers[i]], [p], [name], [tokens[i]])[0], batch[i])


def test_its_figures_are_out_of_fold_and_better_than_the_forecast_alone(model):
    figures = model.metadata
    assert figures["ece"] < 0.1 and figures["n_answers"] == 320
    for row in figures["per_model"].values():
        assert row["auc"] > 0.9 and row["auc"] > row["prior_auc"]


def test_a_saved_answer_model_judges_the_same(model, tmp_path):
    model.save(tmp_path)
    loaded = load_answer_model(tmp_path)
    arguments = ([PROMPT] * 2, [GOOD, BAD], [0.3, 0.6], ["small", "large"])
    assert np.array_equal(loaded.confidence(*arguments), model.confidence(*arguments))
    assert loaded.metadata == model.metadata


def test_a_damaged_answer_model_is_refused_with_a_remedy(model, tmp_path):
    model.save(tmp_path)
    (tmp_path / "arrays.npz").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"digest differs.*train it again"):
        load_answer_model(tmp_path)
    with pytest.raises(DataError, match="holds no saved answer_model"):
        load_answer_model(tmp_path / "elsewhere")


def test_lists_of_different_length_are_refused(model):
    with pytest.raises(UsageError, match=r"lists of \[1, 2\] entries"):
        model.confidence([PROMPT], [GOOD, BAD], [0.5], ["small"])


@pytest.mark.parametrize("column", ["response", "quality"])
def test_answers_without_words_or_all_with_one_grade_teach_nothing(two_kinds, two_kinds_policy, column):
    value = None if column == "response" else 1.0
    table = OutcomeTable.from_frame(two_kinds.frame.assign(**{column: value}))
    with pytest.raises(DataError, match="some right and some wrong: fill the column response"):
        fit_answer_model(table, two_kinds_policy)
