import numpy as np

from router_training.learning.novelty import MOST_ANCHORS, Novelty


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


RNG = np.random.default_rng(0)
SEEN = unit(RNG.normal(0, 0.3, (500, 8)) + np.eye(8)[0])
NOVELTY = Novelty.fit(SEEN, np.arange(500))


def test_novelty_is_the_share_of_training_prompts_that_lay_closer():
    more = unit(RNG.normal(0, 0.3, (2000, 8)) + np.eye(8)[0])
    scores = NOVELTY.score(more)
    assert abs(scores.mean() - 0.5) < 0.06 and ((scores >= 0) & (scores <= 1)).all()


def test_a_training_prompt_is_not_new_and_the_opposite_is():
    assert NOVELTY.score(SEEN[:5]).max() < 0.02
    assert NOVELTY.score(-SEEN[:5]).tolist() == [1.0] * 5


def test_near_duplicates_do_not_make_a_prompt_familiar():
    twice = np.repeat(SEEN, 2, axis=0)
    paired = Novelty.fit(twice, np.repeat(np.arange(500), 2))
    assert np.allclose(np.unique(paired.distances), np.unique(NOVELTY.distances), atol=1e-3)
    assert paired.distances.min() > 0


def test_large_tables_keep_a_bounded_number_of_anchors():
    many = unit(RNG.normal(0, 1, (MOST_ANCHORS + 50, 4)))
    assert Novelty.fit(many, np.arange(len(many))).anchors.shape == (MOST_ANCHORS, 4)


def test_no_vectors_have_no_novelty():
    assert NOVELTY.score(SEEN[:0]).shape == (0,)


def test_a_measure_survives_its_arrays():
    assert np.array_equal(Novelty.from_arrays(NOVELTY.to_arrays()).score(SEEN), NOVELTY.score(SEEN))


def test_what_is_like_training_is_trusted_and_trust_falls_with_distance_to_nothing():
    distance = np.sort(np.concatenate([NOVELTY.distances.astype(float), np.linspace(0, 2, 200)]))
    trust = NOVELTY.trust(distance)
    assert (np.diff(trust) <= 0).all() and trust[-1] < 0.01
    assert (NOVELTY.trust(np.quantile(NOVELTY.distances, [0.0, 0.5, 0.94])) == 1.0).all()
    assert NOVELTY.trust(NOVELTY.distances.astype(float)).mean() > 0.95


def test_prompts_of_one_template_do_not_make_every_other_prompt_strange():
    close = Novelty(SEEN, np.full(500, 0.01, dtype=np.float32))
    assert close.trust(np.array([0.05]))[0] > 0.9
