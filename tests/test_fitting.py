import numpy as np
from sklearn.base import clone

from router_training.features import surface_features
from router_training.learning.fitting import out_of_fold_prior, versions
from router_training.learning.selection import area_under_roc, group_folds


def test_the_versions_of_what_shapes_a_policy_are_recorded():
    assert {"numpy", "scikit-learn", "onnxruntime"} <= set(versions())


def test_the_prior_of_a_task_never_saw_its_outcome(two_kinds, two_kinds_policy, vector_folder):
    learned, prompts = two_kinds_policy.learned, two_kinds.prompts
    vectors = two_kinds_policy.encoder.encode_cached(prompts, vector_folder)
    noise = np.random.default_rng(0).integers(0, 2, two_kinds.quality.shape).astype(float)
    prior = out_of_fold_prior(learned, prompts, vectors, noise, group_folds(two_kinds.groups))
    inputs = learned.scale.inputs(vectors, surface_features(prompts))
    seen = clone(learned.success).fit(inputs, noise).predict(inputs)
    assert area_under_roc(prior[:, 0], noise[:, 0]) < 0.6 < area_under_roc(seen[:, 0], noise[:, 0])
