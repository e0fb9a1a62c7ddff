"""Expressions of several operations, with and without brackets."""

from __future__ import annotations

from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import say

_WORDINGS = (
    "Evaluate {e}.",
    "What does {e} come to?",
    "Compute the value of {e}.",
    "Simplify to one number: {e}",
    "{e} = ?",
    "Find the result of the expression {e}.",
)


def _expression(rng: Random, level: int) -> tuple[str, int]:
    a, b, c, d, e = (rng.randint(2, 6 + 4 * level) for _ in range(5))
    small = rng.randint(2, 4 + level)
    if level == 1:
        return rng.choice([(f"{a} + {b} + {c}", a + b + c), (f"{a} + {b} - {small}", a + b - small)])
    if level == 2:
        return rng.choice([(f"{a} + {b} * {small}", a + b * small), (f"{a} * {small} - {b}", a * small - b)])
    if level == 3:
        options = [
            (f"({a} + {b}) * {small} - {c}", (a + b) * small - c),
            (f"{a} * {small} + {b} * {c}", a * small + b * c),
            (f"{a} - ({b} - {c}) + {d}", a - (b - c) + d),
        ]
        return rng.choice(options)
    if level == 4:
        options = [
            (f"({a} + {b}) * ({c} - {small}) + {d}", (a + b) * (c - small) + d),
            (f"{a} * {b} - {c} * {d} + {e}", a * b - c * d + e),
        ]
        return rng.choice(options)
    options = [
        (f"(({a} + {b}) * {small} - {c}) * {d} + {e}", ((a + b) * small - c) * d + e),
        (f"{a} * {b} - ({c} + {d}) * ({e} - {small})", a * b - (c + d) * (e - small)),
        (f"{a}^2 - {b} * {c} + {d} * {small}", a * a - b * c + d * small),
    ]
    return rng.choice(options)


def draw(rng: Random, level: int) -> Draft:
    """Draw an expression of two (level 1) to five operations."""
    expression, value = _expression(rng, level)
    return Draft(say(rng, _WORDINGS, e=expression), str(value), "numeric", expression)
