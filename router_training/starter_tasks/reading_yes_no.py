"""Yes or no questions about two or three sentences."""

from __future__ import annotations

import json
from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import NAMES, THINGS, WEEKDAYS, say

_WORDINGS = (
    "{t} {q} Answer yes or no.",
    "Read: {t}\nQuestion: {q} (yes/no)",
    "{t}\n{q} Yes or no?",
    "Passage: {t} According to it, {l} Say yes or no.",
    "Based on this text, yes or no: {q} Text: {t}",
)
_COLOURS = ["red", "blue", "green", "yellow", "black", "white", "brown", "grey"]


def _cases(rng: Random, level: int) -> tuple[str, list[tuple[str, bool]]]:
    a, b, c = rng.sample(NAMES, 3)
    thing, (p, q) = rng.choice(THINGS), rng.sample(_COLOURS, 2)
    x, y = rng.sample(range(3, 40), 2)
    day, other = rng.sample(WEEKDAYS, 2)
    if level == 1:
        return f"{a} has a {p} bike. {b} has a {q} car.", [
            (f"Does {a} have a {p} bike?", True), (f"Is {b}'s car {p}?", False), (f"Does {b} own a car?", True),
        ]  # fmt: skip
    if level == 2:
        return f"The shop opens every day but {day}. {a} works there with {b}.", [
            (f"Is the shop open on {other}?", True), (f"Is the shop open on {day}?", False), (f"Does {b} work in the shop?", True),
            (f"Does {c} own the shop?", False),
        ]  # fmt: skip
    if level == 3:
        return f"{a} has {x} {thing}, {b} has {y}. {c} has none.", [
            (f"Does {a} have more {thing} than {b}?", x > y), (f"Does {b} have more {thing} than {a}?", y > x),
            (f"Does {c} have fewer {thing} than {b}?", True), (f"Do {a} and {b} have over {x + y} {thing} together?", False),
        ]  # fmt: skip
    if level == 4:
        return f"{a} wanted to go on {day}, but as {b} was ill they went on {other}. {c} stayed at home.", [
            (f"Did {a} travel on {day}?", False), (f"Did {b} go on {other}?", True), (f"Did {c} go along?", False),
            (f"Was the trip postponed or moved because of {b}?", True),
        ]  # fmt: skip
    return f"Only members may borrow {thing}. {a} is no member, though {b}, {a}'s brother, is. {c} joined and left again.", [
        (f"May {a} borrow {thing}?", False), (f"May {b} borrow {thing}?", True), (f"May {c} borrow {thing} now?", False),
        (f"Has {c} ever been a member?", True), (f"Are all of {a}'s family barred from borrowing {thing}?", False),
    ]  # fmt: skip


def draw(rng: Random, level: int) -> Draft:
    """Draw a passage and a question: stated (1), excepted (2), compared (3), changed (4), restricted (5)."""
    text, cases = _cases(rng, level)
    question, holds = rng.choice(cases)
    prompt = say(rng, _WORDINGS, t=text, q=question, l=question[0].lower() + question[1:])
    reference = json.dumps({"label": "yes" if holds else "no", "labels": ["yes", "no"]})
    return Draft(prompt, reference, "choice", text + question)
