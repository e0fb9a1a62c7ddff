"""One sum, difference, product or quotient."""

from __future__ import annotations

from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import say

_WORDINGS = (
    "What is {a} {op} {b}?",
    "Calculate {a} {op} {b}.",
    "{a} {op} {b} = ?",
    "Work out {a} {op} {b} for me, please.",
    "Please compute: {a} {op} {b}",
    "I need the result of {a} {op} {b}.",
    "How much is {a} {op} {b}?",
)
_SUM_LIMIT = (20, 100, 900, 9000, 90000)
_FACTOR_LIMITS = ((9, 9), (12, 9), (99, 9), (99, 99), (999, 99))


def draw(rng: Random, level: int) -> Draft:
    """Draw one calculation whose numbers grow with the level."""
    operation = rng.choice("+-*/" if level > 1 else "+-*")
    limit, (left, right) = _SUM_LIMIT[level - 1], _FACTOR_LIMITS[level - 1]
    if operation in "+-":
        a, b = rng.randint(limit // 10 + 1, limit), rng.randint(limit // 10 + 1, limit)
        a, b = (max(a, b), min(a, b)) if operation == "-" else (a, b)
        result = a + b if operation == "+" else a - b
    else:
        x, y = rng.randint(left // 9 + 1, left), rng.randint(2 + right // 20, right)
        a, b, result = (x, y, x * y) if operation == "*" else (x * y, y, x)
    shown = {"*": rng.choice(["*", "x", "times"]), "/": rng.choice(["/", "divided by"])}.get(
        operation, operation
    )
    prompt = say(rng, _WORDINGS, a=a, b=b, op=shown)
    return Draft(prompt, str(result), "numeric", f"{a}{operation}{b}")
