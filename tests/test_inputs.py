import numpy as np

from router_training.learning.inputs import FEATURE_WEIGHT, MOST_DEVIATIONS, InputScale

FEATURES = np.random.default_rng(0).normal(5, 3, (200, 2)).astype(np.float32)
VECTORS = np.ones((200, 3), dtype=np.float32)
SCALE = InputScale.of(FEATURES)


def test_inputs_are_the_vector_beside_standardised_features():
    inputs = SCALE.inputs(VECTORS, FEATURES)
    assert inputs.shape == (200, 5) and inputs.dtype == np.float32
    assert np.array_equal(inputs[:, :3], VECTORS)
    assert np.allclose(inputs[:, 3:].std(axis=0), FEATURE_WEIGHT, rtol=0.05)


def test_a_monstrous_feature_is_held_back():
    far = SCALE.inputs(VECTORS[:1], np.array([[1e6, -1e6]], dtype=np.float32))[0, 3:]
    assert np.allclose(far, [FEATURE_WEIGHT * MOST_DEVIATIONS, -FEATURE_WEIGHT * MOST_DEVIATIONS])


def test_a_feature_that_never_varied_is_left_in_peace():
    flat = np.full((10, 2), 7, dtype=np.float32)
    assert np.array_equal(InputScale.of(flat).inputs(VECTORS[:10], flat)[:, 3:], np.zeros((10, 2)))


def test_a_scale_survives_its_arrays():
    again = InputScale.from_arrays(SCALE.to_arrays())
    assert np.array_equal(again.inputs(VECTORS, FEATURES), SCALE.inputs(VECTORS, FEATURES))
