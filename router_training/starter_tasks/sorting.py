"""Sort numbers or words."""

from __future__ import annotations

import json
from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import WORDS, pick, say

_NUMBERS = (
    "Sort these numbers from {order}: {x}",
    "Arrange in order, {order}: {x}",
    "Put {x} in order from {order}.",
    "Order the list {x} ({order}).",
    "List these values from {order}: {x}",
)
_LETTERS = (
    "Sort these words alphabetically: {x}",
    "Put in alphabetical order: {x}",
    "Arrange the words {x} from A to Z.",
    "Give the alphabetical order of: {x}",
    "Alphabetise this list: {x}",
)
_LENGTH = (
    "Sort these words by length, shortest first: {x}",
    "Order the words from shortest to longest: {x}",
    "Arrange by number of letters, fewest first: {x}",
    "From shortest to longest, please: {x}",
    "Rank these words by how many letters they have, starting with the fewest: {x}",
)


def _by_length(rng: Random, count: int) -> list[str]:
    words: dict[int, str] = {}
    for word in pick(rng, WORDS, len(WORDS)):
        words.setdefault(len(word), word)
    return pick(rng, list(words.values()), min(count, len(words)))


def draw(rng: Random, level: int) -> Draft:
    """Draw a list of three to eight items; negative, decimal and length orders come later."""
    count, kind = (3, 4, 5, 6, 8)[level - 1], rng.random()
    if level >= 3 and kind < 0.25:
        words = _by_length(rng, count)
        return Draft(
            say(rng, _LENGTH, x=", ".join(words)), json.dumps(sorted(words, key=len)), "list_", str(words)
        )
    if kind < 0.55:
        words = pick(rng, WORDS, count)
        return Draft(say(rng, _LETTERS, x=", ".join(words)), json.dumps(sorted(words)), "list_", str(words))
    low, high = ((1, 20), (1, 99), (-20, 99), (-99, 99), (-999, 999))[level - 1]
    numbers: list[float] = [*rng.sample(range(low, high), count)]
    if level >= 4 and rng.random() < 0.5:
        numbers = [round(rng.uniform(0, 10), rng.choice([1, 2])) for _ in range(count)]
    down = level >= 2 and rng.random() < 0.4
    order = rng.choice(
        ["largest to smallest", "highest to lowest"] if down else ["smallest to largest", "lowest to highest"]
    )
    prompt = say(rng, _NUMBERS, x=", ".join(map(str, numbers)), order=order)
    return Draft(
        prompt, json.dumps([str(n) for n in sorted(numbers, reverse=down)]), "list_", str(numbers) + order[:1]
    )
