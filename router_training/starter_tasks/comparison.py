"""Which of several numbers is the largest or smallest; fractions, decimals, percentages, powers."""

from __future__ import annotations

import json
from fractions import Fraction
from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import say

_WORDINGS = (
    "Which is {most}: {x}?",
    "Choose the {most} number: {x}",
    "{x}: which of these is the {most}?",
    "Of {x}, which has the {most} value?",
    "Pick the {most} of the following: {x}",
)


def _whole(rng: Random, count: int, high: int) -> dict[str, Fraction]:
    return {str(n): Fraction(n) for n in rng.sample(range(2, high), count)}


def _decimals(rng: Random, count: int) -> dict[str, Fraction]:
    whole = rng.randint(1, 9)
    shown = [
        f"{whole}.{rng.choice([f'{rng.randint(1, 9)}', f'{rng.randint(1, 99):02d}'])}" for _ in range(count)
    ]
    return {text: Fraction(text) for text in shown}


def _fractions(rng: Random, count: int) -> dict[str, Fraction]:
    return {
        f"{(n := rng.randint(1, 8))}/{(d := rng.randint(n + 1, 12))}": Fraction(n, d) for _ in range(count)
    }


def _mixed(rng: Random) -> dict[str, Fraction]:
    percent, n = rng.randrange(5, 95, 5), rng.randint(1, 6)
    decimal, d = rng.randint(5, 95), rng.randint(7, 9)
    return {
        f"{percent}%": Fraction(percent, 100),
        f"{n}/{d}": Fraction(n, d),
        f"0.{decimal:02d}": Fraction(decimal, 100),
    }


def _values(rng: Random, level: int) -> dict[str, Fraction]:
    if level == 1:
        return _whole(rng, 2, 100)
    if level == 2:
        return _whole(rng, 4, 2000)
    if level == 3:
        return (
            _decimals(rng, 2)
            if rng.random() < 0.5
            else {str(-n): Fraction(-n) for n in rng.sample(range(2, 99), 3)}
        )
    return (
        _fractions(rng, 2) if level == 4 else rng.choice([_mixed(rng), _decimals(rng, 4), _fractions(rng, 3)])
    )


def draw(rng: Random, level: int) -> Draft:
    """Draw two to four different values in the notation of the level."""
    values = _values(rng, level)
    while len(set(values.values())) < 2 or len(set(values.values())) < len(values):
        values = _values(rng, level)
    most = rng.choice(["largest", "smallest"])
    key = (max if most == "largest" else min)(values, key=lambda text: values[text])
    shown = ", ".join(values) if len(values) > 2 else " or ".join(values)
    reference = json.dumps({"label": key, "labels": list(values)})
    return Draft(say(rng, _WORDINGS, x=shown, most=most), reference, "choice", shown + most)
