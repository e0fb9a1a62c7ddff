import numpy as np
from hypothesis import given, settings, strategies as st

from router_training.judging.label_layout import Box, leader, place_labels

FRAME = Box(0, 0, 1000, 600)
NO_LINES = np.empty((0, 2))


def test_overlap_is_the_shared_area():
    assert Box(0, 0, 4, 2).overlap(Box(3, 1, 9, 9)) == 1
    assert Box(0, 0, 1, 1).overlap(Box(2, 2, 3, 3)) == 0


def test_distance_is_zero_inside_and_straight_outside():
    box = Box(0, 0, 4, 2)
    assert box.distance(np.array([1, 1])) == 0
    assert box.distance(np.array([7, 6])) == 5


def test_a_leader_runs_from_the_point_to_its_label():
    line = leader(Box(10, 10, 20, 20), np.array([0.0, 15.0]))
    assert line[0].tolist() == [0, 15] and line[-1].tolist() == [10, 15]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8, unique=True))
@settings(max_examples=50, deadline=None)
def test_scattered_labels_never_overlap_and_stay_inside(cells):
    anchors = np.array([(100 * x + 50, 60 * y + 30) for x, y in cells], dtype=float)
    boxes = place_labels(anchors, np.tile([150.0, 18.0], (len(cells), 1)), NO_LINES, FRAME)
    assert all(FRAME.overlap(box) > 150 * 18 - 1e-6 for box in boxes)
    assert all(one.overlap(two) < 1e-6 for i, one in enumerate(boxes) for two in boxes[i + 1 :])


def test_a_label_gives_way_to_a_line():
    line = np.column_stack([np.linspace(0, 1000, 200), np.full(200, 300.0)])
    (box,) = place_labels(np.array([[500.0, 300.0]]), np.array([[100.0, 20.0]]), line, FRAME)
    assert box.count_inside(line) == 0


def test_a_label_lies_nearest_to_its_own_point():
    anchors = np.array([[480.0, 300.0], [520.0, 300.0]])
    boxes = place_labels(anchors, np.tile([100.0, 20.0], (2, 1)), NO_LINES, FRAME)
    for box, own, other in ((boxes[0], anchors[0], anchors[1]), (boxes[1], anchors[1], anchors[0])):
        assert box.distance(own) < box.distance(other)
