"""Units of length, mass, time, volume, temperature and speed."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import say

_WORDINGS = (
    "Convert {x} {a} to {b}.",
    "How many {b} are in {x} {a}?",
    "What is {x} {a} in {b}?",
    "Express {x} {a} in {b}.",
    "{x} {a} is how many {b}?",
    "My form wants {b}, but I only have {x} {a}. What do I write?",
)
# (level, from, to, factor, typical step of x)
_UNITS: tuple[tuple[int, str, str, Fraction, Fraction], ...] = (
    (1, "metres", "centimetres", Fraction(100), Fraction(1)),
    (1, "kilometres", "metres", Fraction(1000), Fraction(1)),
    (1, "hours", "minutes", Fraction(60), Fraction(1)),
    (1, "kilograms", "grams", Fraction(1000), Fraction(1)),
    (1, "weeks", "days", Fraction(7), Fraction(1)),
    (1, "minutes", "seconds", Fraction(60), Fraction(1)),
    (2, "feet", "inches", Fraction(12), Fraction(1)),
    (2, "days", "hours", Fraction(24), Fraction(1)),
    (2, "litres", "millilitres", Fraction(1000), Fraction(1, 2)),
    (2, "years", "months", Fraction(12), Fraction(1)),
    (2, "dozen", "single pieces", Fraction(12), Fraction(1)),
    (2, "yards", "feet", Fraction(3), Fraction(1)),
    (3, "millimetres", "metres", Fraction(1, 1000), Fraction(50)),
    (3, "minutes", "hours", Fraction(1, 60), Fraction(30)),
    (3, "grams", "kilograms", Fraction(1, 1000), Fraction(125)),
    (3, "inches", "feet", Fraction(1, 12), Fraction(6)),
    (3, "pounds", "ounces", Fraction(16), Fraction(1)),
    (4, "hours", "seconds", Fraction(3600), Fraction(1, 2)),
    (4, "days", "minutes", Fraction(1440), Fraction(1, 2)),
    (4, "metres per second", "kilometres per hour", Fraction(18, 5), Fraction(5)),
    (4, "square metres", "square centimetres", Fraction(10000), Fraction(1, 2)),
    (4, "inches", "centimetres", Fraction(254, 100), Fraction(5)),
    (5, "kilometres per hour", "metres per second", Fraction(5, 18), Fraction(9)),
    (5, "cubic metres", "litres", Fraction(1000), Fraction(1, 4)),
    (5, "square kilometres", "hectares", Fraction(100), Fraction(3, 4)),
    (5, "weeks", "minutes", Fraction(10080), Fraction(1)),
    (5, "gallons (US)", "cups (US)", Fraction(16), Fraction(3, 2)),
)


def _number(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else f"{float(value):.10g}"


def _temperature(rng: Random) -> tuple[str, str, str, Fraction]:
    celsius = Fraction(rng.randrange(-20, 105, 5))
    fahrenheit = celsius * 9 / 5 + 32
    if rng.random() < 0.5:
        return _number(celsius), "degrees Celsius", "degrees Fahrenheit", fahrenheit
    return _number(fahrenheit), "degrees Fahrenheit", "degrees Celsius", celsius


def draw(rng: Random, level: int) -> Draft:
    """Draw a conversion; the factors get less familiar with the level."""
    if level == 5 and rng.random() < 0.4:
        shown, source, target, value = _temperature(rng)
    else:
        _, source, target, factor, step = rng.choice([unit for unit in _UNITS if unit[0] == level])
        x = step * rng.randint(2, 12)
        shown, value = _number(x), x * factor
    return Draft(
        say(rng, _WORDINGS, x=shown, a=source, b=target),
        _number(value),
        "numeric",
        f"{shown}{source}{target}",
    )
