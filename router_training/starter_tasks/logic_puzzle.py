"""Order people by one property, follow if-then rules, tell truth from lies."""

from __future__ import annotations

import json
from itertools import pairwise
from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import NAMES, say

_PROPERTIES = (
    ("taller than", "tallest", "shortest"),
    ("older than", "oldest", "youngest"),
    ("faster than", "fastest", "slowest"),
    ("richer than", "richest", "poorest"),
    ("heavier than", "heaviest", "lightest"),
)
_ORDER = (
    "{facts} Who is the {who}?",
    "{facts} Name the {who} person.",
    "Given: {facts} Which of them is the {who}?",
    "{facts} So who is the {who}?",
    "Read carefully. {facts} The {who} is ...?",
)
_RULE = (
    "All {a}s are {b}s. {fact} Does it follow that {claim}? Answer yes or no.",
    "Every {a} is a {b}. {fact} Can we conclude that {claim}? Yes or no.",
    "If something is a {a}, it is a {b}. {fact} Must it be true that {claim}? Yes or no?",
    "Suppose each {a} is a {b}. {fact} Is it certain that {claim}? (yes/no)",
    "Rule: {a}s are always {b}s. {fact} Is it necessarily so that {claim}? Yes/no.",
)
_KINDS = [
    "blick",
    "zorp",
    "wug",
    "dax",
    "fep",
    "toma",
    "quib",
    "lunt",
    "morv",
    "pell",
    "rint",
    "snod",
    "trell",
    "vask",
    "yarn",
]


def _order(rng: Random, count: int, mixed: bool) -> Draft:
    people, (than, most, least) = rng.sample(NAMES, count), rng.choice(_PROPERTIES)
    facts = [f"{a} is {than} {b}." for a, b in pairwise(people)]
    if mixed:
        facts = [
            f"{b} is not as {_plain(than)} as {a}." if rng.random() < 0.5 else fact
            for fact, a, b in zip(facts, people, people[1:], strict=False)
        ]
        rng.shuffle(facts)
    who, answer = rng.choice([(most, people[0]), (least, people[-1])])
    middle = count >= 4 and rng.random() < 0.4
    if middle:
        who, answer = f"second {most}", people[1]
    reference = json.dumps({"label": answer, "labels": sorted(people)})
    return Draft(say(rng, _ORDER, facts=" ".join(facts), who=who), reference, "choice", " ".join(facts) + who)


def _plain(than: str) -> str:
    return {"taller": "tall", "older": "old", "faster": "fast", "richer": "rich", "heavier": "heavy"}[
        than.split()[0]
    ]


def _rule(rng: Random, chained: bool) -> Draft:
    a, b, c = rng.sample(_KINDS, 3)
    who = rng.choice(NAMES)
    cases = [
        (f"{who} is a {a}.", f"{who} is a {b}", "yes"),
        (f"{who} is a {b}.", f"{who} is a {a}", "no"),
        (f"{who} is not a {b}.", f"{who} is not a {a}", "yes"),
        (f"{who} is not a {a}.", f"{who} is not a {b}", "no"),
    ]
    if chained:
        cases = [
            (f"All {b}s are {c}s. {who} is a {a}.", f"{who} is a {c}", "yes"),
            (f"No {b} is a {c}. {who} is a {a}.", f"{who} is a {c}", "no"),
            (f"All {b}s are {c}s. {who} is a {c}.", f"{who} is a {a}", "no"),
            (f"No {b} is a {c}. {who} is a {c}.", f"{who} is not a {a}", "yes"),
        ]
    fact, claim, answer = rng.choice(cases)
    reference = json.dumps({"label": answer, "labels": ["yes", "no"]})
    return Draft(say(rng, _RULE, a=a, b=b, fact=fact, claim=claim), reference, "choice", f"{a}{b}{fact}")


def draw(rng: Random, level: int) -> Draft:
    """Draw a puzzle of one or two facts (1, 2) up to five shuffled and negated ones (5)."""
    if level == 1:
        return _order(rng, 2, mixed=False) if rng.random() < 0.5 else _order(rng, 3, mixed=False)
    if level == 2:
        return _rule(rng, chained=False)
    if level == 3:
        return _order(rng, 4, mixed=False) if rng.random() < 0.5 else _order(rng, 3, mixed=True)
    if level == 4:
        return _rule(rng, chained=True) if rng.random() < 0.5 else _order(rng, 4, mixed=True)
    return _order(rng, 5, mixed=True)
