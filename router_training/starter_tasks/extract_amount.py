"""Find an amount of money in a sentence."""

from __future__ import annotations

from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import NAMES, THINGS, say

_WORDINGS = (
    "What is the {what}? {t}",
    "{t}\nExtract the {what} as a plain number.",
    "Read this and give the {what}: {t}",
    "From the text, return the {what}. Text: {t}",
    "{t} -> {what}?",
    "Find the {what} in: {t}",
)


def _money(rng: Random, level: int) -> tuple[str, str]:
    euros, cents = rng.randint(3, 30 * 10 ** min(level, 3)), rng.randint(1, 99)
    if level == 1:
        return f"${euros}", str(euros)
    shown = rng.choice([f"${euros:,}.{cents:02d}", f"EUR {euros:,}.{cents:02d}", f"£{euros:,}.{cents:02d}"])
    return shown, f"{euros}.{cents:02d}"


def draw(rng: Random, level: int) -> Draft:
    """Draw one amount among other numbers (1, 2), one of two or three (3, 4), or one to be summed (5)."""
    (a, x), (b, y), (c, _) = (_money(rng, level) for _ in range(3))
    who, thing, n = rng.choice(NAMES), rng.choice(THINGS), rng.randint(2, 60)
    one = [
        ("total price", f"{who} paid {a} for {n} {thing} on day {rng.randint(1, 30)}."),
        ("amount due", f"Invoice {rng.randint(1000, 9999)}: amount due {a}, payable in {n} days."),
        ("rent", f"Flat {n}, {rng.randint(2, 5)} rooms, rent {a} a month."),
        ("fine", f"Car {rng.randint(100, 999)} stood {n} minutes too long; the fine is {a}."),
    ]
    several = [
        ("shipping cost", f"Goods {a}, shipping {b}, order no. {rng.randint(100, 999)}.", y),
        ("deposit", f"{who} pays a deposit of {a} now and {b} in {n} days.", x),
        ("refund", f"The ticket cost {a}; after {n} days {who} got {b} back as a refund.", y),
        ("tax", f"Net {a}, tax {b}, gross {c}.", y),
        ("new price", f"The price of {thing} rose from {a} to {b}, a year after {c}.", y),
        ("discount", f"List price {a}, discount {b}, {n} {thing} in stock.", y),
    ]
    cents = round(float(x) * 100) + round(float(y) * 100)
    total = f"{cents / 100:.2f}"
    summed = [
        ("total of both payments", f"{who} paid {a} in May and {b} in June.", total),
        ("sum of the two fees", f"Entry fee {a}, service fee {b}, seat {n}.", total),
    ]
    if level <= 2:
        (what, text), answer = rng.choice(one), x
    else:
        what, text, answer = rng.choice(several if level < 5 or rng.random() < 0.4 else summed)
    return Draft(say(rng, _WORDINGS, what=what, t=text), answer, "numeric", text)
