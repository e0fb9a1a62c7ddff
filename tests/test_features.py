import numpy as np
from hypothesis import given, strategies as st

from router_training.features import FEATURE_NAMES, surface_features


def feature(prompt, name):
    return float(surface_features([prompt])[0, FEATURE_NAMES.index(name)])


def test_no_prompts_give_no_rows():
    assert surface_features([]).shape == (0, len(FEATURE_NAMES))


def test_counts_are_logarithms_of_what_a_reader_would_count():
    prompt = "How many are 12 and 3?\nSay it."
    assert np.isclose(feature(prompt, "log_words"), np.log1p(8))
    assert np.isclose(feature(prompt, "log_numbers"), np.log1p(2))
    assert np.isclose(feature(prompt, "log_lines"), np.log1p(1))
    assert np.isclose(feature(prompt, "log_questions"), np.log1p(1))


def test_shares_tell_code_from_arithmetic_from_other_scripts():
    assert feature("def f(x): return [x]", "share_code") > feature("the cat sat on the mat", "share_code")
    assert feature("3+4*5=23", "share_math") > 0.3
    assert feature("как дела", "share_beyond_ascii") > 0.5


@given(st.lists(st.text(max_size=200), max_size=5))
def test_every_text_has_finite_features_and_shares_lie_between_0_and_1(prompts):
    rows = surface_features(prompts)
    assert rows.dtype == np.float32 and np.isfinite(rows).all()
    shares = rows[:, [name.startswith("share") for name in FEATURE_NAMES]]
    assert ((shares >= 0) & (shares <= 1)).all()


@given(st.lists(st.text(max_size=50), min_size=1, max_size=5))
def test_a_prompt_has_the_same_features_alone_as_in_a_batch(prompts):
    alone = np.vstack([surface_features([prompt]) for prompt in prompts])
    assert np.array_equal(surface_features(prompts), alone)
