"""The next number of a sequence."""

from __future__ import annotations

from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import say

_WORDINGS = (
    "What comes next: {x}, ?",
    "Continue the sequence: {x}, ...",
    "Find the next number: {x}",
    "{x}, __ Which number follows?",
    "Which number should come after these: {x}?",
    "Complete the pattern with one number: {x}, _",
)


def _terms(rng: Random, level: int) -> list[int]:
    start, step, ratio = rng.randint(1, 12), rng.randint(2, 3 + 2 * level), rng.choice([2, 3])
    plain = [start + step * i for i in range(6)]
    falling = [start + 60 - step * i for i in range(6)]
    growing = [start * ratio**i for i in range(6)]
    squares = [(start + i) ** 2 + step - 2 for i in range(6)]
    gaps = [start + step * i * (i + 1) // 2 for i in range(7)]
    turns = [start + i * step + (i % 2) * 10 for i in range(7)]
    sums = [start, step]
    while len(sums) < 7:
        sums.append(sums[-1] + sums[-2])
    affine = [start]
    while len(affine) < 6:
        affine.append(affine[-1] * 2 + step)
    return rng.choice(
        [[plain], [plain, falling], [growing, falling], [squares, gaps, sums], [affine, turns, gaps]][
            level - 1
        ]
    )


def draw(rng: Random, level: int) -> Draft:
    """Draw a sequence: even steps first, growing gaps, sums of neighbours and mixed rules later."""
    *shown, answer = _terms(rng, level)
    text = ", ".join(map(str, shown))
    return Draft(say(rng, _WORDINGS, x=text), str(answer), "numeric", text)
