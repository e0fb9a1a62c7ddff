"""Where to write the names of points so that no name covers another, a point or a line."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from router_training.contract import FloatArray


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels: left, bottom, right, top."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: Box) -> float:
        """Return the shared area in square pixels."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(width, 0.0) * max(height, 0.0)

    def distance(self, point: FloatArray) -> float:
        """Return how far the point lies outside, in pixels."""
        x, y = point.tolist()
        return math.hypot(max(self.left - x, x - self.right, 0.0), max(self.bottom - y, y - self.top, 0.0))

    def count_inside(self, points: FloatArray) -> int:
        """Return how many of the points, shape (k, 2), lie inside."""
        x, y = points[:, 0], points[:, 1]
        return int(((x > self.left) & (x < self.right) & (y > self.bottom) & (y < self.top)).sum())


def place_labels(anchors: FloatArray, sizes: FloatArray, obstacles: FloatArray, frame: Box) -> list[Box]:
    """Return one box per label, greedily the nearest to its anchor that covers least.

    Args:
        anchors: what the labels name, in pixels, shape (k, 2).
        sizes: width and height of each label in pixels, shape (k, 2).
        obstacles: pixels to keep clear, shape (j, 2): samples of lines, and points.
        frame: where labels should stay.
    """
    boxes: list[Box] = []
    kept_clear = obstacles.reshape(-1, 2)
    for i, (anchor, size) in enumerate(zip(anchors, sizes, strict=True)):
        others = np.delete(anchors, i, axis=0)
        candidates = _around(anchor, size)
        costs = [
            _cover(box, anchor, boxes, kept_clear, frame) + _confusion(box, anchor, others)
            for box in candidates
        ]
        boxes.append(candidates[int(np.argmin(costs))])
        kept_clear = np.concatenate([kept_clear, leader(boxes[-1], anchor)])
    return boxes


def leader(box: Box, anchor: FloatArray) -> FloatArray:
    """Return pixels on the straight line from the anchor to the nearest spot of its label, shape (20, 2)."""
    x, y = anchor.tolist()
    near = np.array([min(max(x, box.left), box.right), min(max(y, box.bottom), box.top)])
    return anchor + np.linspace(0.0, 1.0, 20)[:, None] * (near - anchor)


def _around(anchor: FloatArray, size: FloatArray) -> list[Box]:
    """Return boxes right, left, below and above the anchor, nearest first."""
    x, y = anchor.tolist()
    width, height = size.tolist()
    boxes = []
    for gap in (0.5 * height, 1.0 * height, 1.8 * height, 2.8 * height, 4.0 * height):
        lefts = (x + gap, x - width / 2, x - gap - width)
        bottoms = (y - height / 2, y - gap - height, y + gap)
        for left, bottom in itertools.product(lefts, bottoms):
            if (left, bottom) != (lefts[1], bottoms[0]):
                boxes.append(Box(left, bottom, left + width, bottom + height))
    return boxes


def _cover(box: Box, anchor: FloatArray, taken: Sequence[Box], kept_clear: FloatArray, frame: Box) -> float:
    """Return what a place covers: other labels and the frame's edge weigh more than lines."""
    area = (box.right - box.left) * (box.top - box.bottom)
    amiss = area - box.overlap(frame) + sum(box.overlap(other) for other in taken)
    line = leader(box, anchor)
    crossed = sum(other.count_inside(line) for other in taken)
    return (
        100.0 * amiss / area
        + (5.0 if amiss > 1e-6 * area else 0.0)
        + 3.0 * crossed
        + box.count_inside(kept_clear)
    )


def _confusion(box: Box, anchor: FloatArray, others: FloatArray) -> float:
    """Return how far the label is from its point in label heights, and more where another point is nearer."""
    height = box.top - box.bottom
    own = box.distance(anchor)
    nearest = min((box.distance(other) for other in others), default=np.inf)
    return 2.0 * own / height + (30.0 if nearest < 0.35 * height else 0.0) + (4.0 if nearest <= own else 0.0)
