import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from router_training import success_models
from router_training.contract import UsageError

RNG = np.random.default_rng(0)
SIDE = RNG.integers(0, 2, 400)
INPUTS = (RNG.normal(0, 0.5, (400, 8)) + 2.0 * SIDE[:, None] * np.eye(8)[0]).astype(np.float32)
# model 0 is right on side 1 only, model 1 nearly always, model 2 always, model 3 was never graded
P = np.column_stack([0.1 + 0.8 * SIDE, np.full(400, 0.9), np.ones(400)])
QUALITY = np.column_stack([(RNG.random((400, 3)) < P).astype(float), np.full(400, np.nan)])
SEEDED_BY_ROWS = ("blend", "cluster")
LEARNERS = [name for name in success_models.available() if name != "constant"]

every_model = pytest.mark.parametrize("name", success_models.available())


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Matrices this small are slower on more."""
    with threadpool_limits(limits=1):
        yield


def fitted(name, inputs=INPUTS, quality=QUALITY):
    return success_models.load(name).fit(inputs, quality)


@every_model
def test_forecasts_are_probabilities_of_every_model(name):
    p = fitted(name).predict(INPUTS[:7])
    assert p.shape == (7, 4) and np.isfinite(p).all() and ((p >= 0) & (p <= 1)).all()


@every_model
def test_no_prompts_give_no_forecasts(name):
    assert fitted(name).predict(INPUTS[:0]).shape == (0, 4)


@every_model
def test_arrays_hold_all_that_was_learned(name):
    model = fitted(name)
    again = success_models.rebuild(name, model.to_arrays())
    assert np.array_equal(model.predict(INPUTS), again.predict(INPUTS))
    assert again.get_params() == model.get_params()


@every_model
def test_cloning_keeps_the_options_and_forgets_the_rest(name):
    model = fitted(name)
    assert clone(model).get_params() == model.get_params()
    assert np.array_equal(clone(model).fit(INPUTS, QUALITY).predict(INPUTS), model.predict(INPUTS))


@every_model
def test_the_order_of_models_changes_nothing(name):
    p, swapped = fitted(name).predict(INPUTS), fitted(name, quality=QUALITY[:, ::-1]).predict(INPUTS)
    assert np.allclose(p, swapped[:, ::-1], atol=1e-6)


@every_model
def test_the_order_of_rows_changes_next_to_nothing(name):
    """Cells of k-means start from other rows: they alone may differ, by a little on average."""
    order = np.random.default_rng(1).permutation(len(INPUTS))
    gap = np.abs(fitted(name).predict(INPUTS) - fitted(name, INPUTS[order], QUALITY[order]).predict(INPUTS))
    assert gap.mean() < (0.02 if name in SEEDED_BY_ROWS else 1e-4)


@every_model
def test_a_batch_is_forecast_as_its_prompts_alone(name):
    model = fitted(name)
    alone = np.vstack([model.predict(INPUTS[i : i + 1]) for i in range(20)])
    assert np.allclose(model.predict(INPUTS[:20]), alone, atol=1e-5)


@every_model
def test_missing_outcomes_are_missing_and_not_failures(name):
    holes = QUALITY.copy()
    holes[RNG.random(holes.shape) < 0.4] = np.nan
    assert abs(fitted(name, quality=holes).predict(INPUTS)[:, 1].mean() - 0.9) < 0.08


@every_model
def test_a_model_without_any_outcome_gets_the_mean_of_all(name):
    p = fitted(name).predict(INPUTS)[:, 3]
    assert np.allclose(p, np.nanmean(QUALITY), atol=0.02)


@every_model
def test_a_model_that_is_always_right_is_forecast_as_good_but_not_certain(name):
    p = fitted(name).predict(INPUTS)[:, 2]
    assert (p > 0.9).all() and (p < 1.0).all()


@every_model
def test_qualities_between_0_and_1_count_in_part(name):
    p = fitted(name, quality=np.full((400, 2), 0.25)).predict(INPUTS)
    assert np.allclose(p, 0.25, atol=0.05)


@every_model
def test_two_rows_are_enough_to_fit(name):
    assert np.isfinite(fitted(name, INPUTS[:2], QUALITY[:2]).predict(INPUTS)).all()


@pytest.mark.parametrize("name", LEARNERS)
def test_learners_tell_apart_the_prompts_that_a_model_gets_right(name):
    p = fitted(name).predict(INPUTS)[:, 0]
    assert p[SIDE == 1].mean() > p[SIDE == 0].mean() + 0.2


@pytest.mark.parametrize("name", LEARNERS)
def test_learners_still_tell_prompts_apart_where_40_percent_of_the_grid_is_missing(name):
    holes = QUALITY.copy()
    holes[np.random.default_rng(2).random(holes.shape) < 0.4] = np.nan
    p = fitted(name, quality=holes).predict(INPUTS)
    assert np.isfinite(p).all() and p[SIDE == 1, 0].mean() > p[SIDE == 0, 0].mean() + 0.15


@pytest.mark.parametrize("name", ["boosting", "joint"])
def test_what_models_share_is_lent_to_one_with_few_labels(name):
    few = np.column_stack([QUALITY[:, 0], QUALITY[:, 0]])
    few[8:, 1] = np.nan
    alone = np.column_stack([np.full(400, np.nan), few[:, 1]])
    lent, own = (fitted(name, quality=quality).predict(INPUTS)[:, 1] for quality in (few, alone))
    assert (
        lent[SIDE == 1].mean() - lent[SIDE == 0].mean() > own[SIDE == 1].mean() - own[SIDE == 0].mean() + 0.1
    )


def test_the_constant_says_each_models_mean_whatever_the_prompt():
    p = fitted("constant").predict(INPUTS)
    assert np.allclose(p[:, :3], QUALITY[:, :3].mean(axis=0), atol=0.01)
    assert (p == p[0]).all()


def test_stronger_regularisation_draws_forecasts_toward_the_mean():
    spread = [
        success_models.load("logistic", C=C).fit(INPUTS, QUALITY).predict(INPUTS)[:, 0].std()
        for C in (1e-4, 0.01, 1.0)
    ]
    assert spread[0] < 0.05 and spread == sorted(spread)


def test_an_unknown_success_model_is_named_with_the_choices():
    with pytest.raises(UsageError, match="unknown success model 'oracle'; choose one of blend, ") as refused:
        success_models.load("oracle")
    assert all(name in str(refused.value) for name in success_models.available())


def test_serving_a_saved_success_model_imports_no_scikit_learn():
    program = (
        "import sys\nfrom router_training import success_models\n"
        "for name in success_models.available(): success_models.load(name)\n"
        "assert 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
